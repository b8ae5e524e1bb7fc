"""Neutrons of MCPL files, made here byte by byte as the format's paper lays them out."""

from __future__ import annotations

import gzip
import logging
import os
import struct
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import EventListSource, Panel, read_mcpl
from donki.sources.mcstas import mcpl
from helpers.support import needs

NEUTRON, PHOTON = 2112, 22
# The package leaves the file below its gzip stream to the garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed file .*\.mcpl\.gz:ResourceWarning")

SPEED = 437.39338  # m/s of a neutron of 1 meV, sqrt(2 E / m)


@pytest.fixture(autouse=True)
def _package():
    needs("mcpl", find_spec("mcpl"), "pip install mcpl, to test the reader of MCPL files too")


def write(path, particles, *, double=True, flags=False, weight=0.0, pdg=0, order="<"):
    """Write an MCPL 3 file.

    A particle is (pdg, x, y, z in cm, ux, uy of a direction that has uz > 0, energy in MeV, t in ms, weight,
    user flags); with `weight` or `pdg` the file has one for all.
    """
    number = "d" if double else "f"
    row = struct.Struct(
        f"{order}7{number}{'' if weight else number}{'' if pdg else 'i'}{'I' if flags else ''}"
    )
    head = [b"MCPL003", b"L" if order == "<" else b"B"]
    counts = (len(particles), 0, 0, flags, 0, not double, pdg, row.size, bool(weight))
    head.append(struct.pack(f"{order}Q5Ii2I", *counts))
    head.append(struct.pack(f"{order}d", weight) if weight else b"")
    head.append(struct.pack(f"{order}I", 6) + b"source")
    rows = []
    for code, x, y, z, ux, uy, energy, t, w, user in particles:
        values = [x, y, z, ux, uy, energy, t]
        rows.append(
            row.pack(*values, *([] if weight else [w]), *([] if pdg else [code]), *[user][: int(flags)])
        )
    data = b"".join([*head, *rows])
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def particle(code=NEUTRON, x=0.0, y=0.0, z=0.0, ux=0.0, uy=0.0, energy=1e-9, t=1.0, weight=1.0, user=0):
    return code, x, y, z, ux, uy, energy, t, weight, user


@pytest.mark.parametrize("name", ["a.mcpl", "a.mcpl.gz"])
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_centimetres_milliseconds_and_megaelectronvolts_become_si_units(tmp_path, name, double, order):
    one = particle(x=12.5, y=-50, z=300, ux=0.6, energy=4e-9, t=16.5, weight=2.5)
    events = read_mcpl(write(tmp_path / name, [one], double=double, order=order))
    assert events.columns == ("p", "x", "y", "z", "vx", "vy", "vz", "t")
    expected = [2.5, 0.125, -0.5, 3, 2 * 0.6 * SPEED, 0, 2 * 0.8 * SPEED, 0.0165]
    np.testing.assert_allclose(events.rows, [expected], rtol=1e-6)
    assert (events.name, events.title) == (str(tmp_path / name), "source")


def test_only_neutrons_count_whatever_the_block_they_are_in(tmp_path, monkeypatch):
    monkeypatch.setattr(mcpl, "_BLOCK", 7)
    codes = np.random.default_rng(1).choice([NEUTRON, PHOTON, -11], size=100)
    path = write(tmp_path / "a.mcpl", [particle(int(code), t=number) for number, code in enumerate(codes)])
    events = read_mcpl(path)
    np.testing.assert_allclose(events["t"], np.flatnonzero(codes == NEUTRON) * 1e-3)


def test_one_weight_and_one_kind_for_all(tmp_path):
    path = write(tmp_path / "a.mcpl", [particle(), particle()], weight=0.25, pdg=NEUTRON)
    assert list(read_mcpl(path)["p"]) == [0.25, 0.25]


def test_user_flags_are_pixels_where_they_are_asked_for(tmp_path):
    path = write(tmp_path / "a.mcpl", [particle(t=3, user=17), particle(t=4, user=4)], flags=True)
    source = EventListSource(read_mcpl(path, ("p", "t", "id")))
    assert [list(column) for column in source.replay(1, 2)] == [[3_000_000, 4_000_000], [17, 4]]
    with pytest.raises(SourceError, match="expected user flags for the column id, found none"):
        read_mcpl(write(path, [particle()]), ("p", "t", "id"))


def test_pixels_follow_from_the_place_on_a_panel(tmp_path):
    rays = [particle(x=-49, y=-49), particle(x=49, y=-49), particle(x=-49, y=49), particle(x=51)]
    source = EventListSource(read_mcpl(write(tmp_path / "a.mcpl", rays)), Panel(1, 1, 2, 2))
    assert list(source.replay(1, 3).pixel_id) == [1, 2, 3]
    assert len(source) == 3


def test_what_holds_no_neutron_is_refused(tmp_path):
    with pytest.raises(
        SourceError, match=r"expected neutrons .* found particles of the PDG codes \[-11, 22\]"
    ):
        read_mcpl(write(tmp_path / "a.mcpl", [particle(PHOTON), particle(-11)]))
    with pytest.raises(SourceError, match="found no particle at all"):
        read_mcpl(write(tmp_path / "a.mcpl", []))


@pytest.mark.parametrize("name", ["a.mcpl", "a.mcpl.gz"])
def test_a_file_cut_anywhere_is_refused(tmp_path, name):
    path = write(tmp_path / name, [particle(t=number) for number in range(9)], weight=0.5)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 20, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"expected (an MCPL file|9 particles), .*found "):
            read_mcpl(path)


def test_other_files_columns_and_a_missing_package_are_named(tmp_path, monkeypatch):
    path = tmp_path / "a.mcpl"
    with pytest.raises(SourceError, match=r"a\.mcpl: expected an MCPL file, found Unable to open file"):
        read_mcpl(path)
    path.write_text("# type: array_1d(3)\n")
    with pytest.raises(SourceError, match="not an MCPL file"):
        read_mcpl(path)
    with pytest.raises(InputError, match="'sx' is none of p x y z vx vy vz t id"):
        read_mcpl(path, ("p", "sx"))
    monkeypatch.setitem(sys.modules, "mcpl", None)
    with pytest.raises(SourceError, match="pip install mcpl"):
        read_mcpl(path)


def unclosed(path, particles):
    """Write a file as its writer leaves it that died: the number of particles is written last."""
    whole = bytearray(write(path.with_name("whole.mcpl"), particles).read_bytes())
    whole[8:16] = bytes(8)
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


def test_a_file_that_was_not_closed_is_refused_or_said_in_the_log(tmp_path, caplog):
    path = unclosed(tmp_path / "a.mcpl", [particle(t=number) for number in range(5)])
    with pytest.raises(SourceError, match=r"a\.mcpl: it was not closed, .* 5 particles\. To take them"):
        read_mcpl(path)
    events = read_mcpl(path, on_damage="skip", log=logging.getLogger("a player's"))
    np.testing.assert_allclose(events["t"], np.arange(5) * 1e-3)
    (record,) = caplog.records
    assert "it was not closed, its writer may have died; there are 5 particles" in record.message
    for name in ("a.mcpl", "a.mcpl.gz"):
        path = unclosed(tmp_path / name, [particle()])
        with pytest.raises(SourceError, match=r"not closed|closed properly"):
            read_mcpl(path)
    with pytest.raises(InputError, match="on_damage=True is none of"):
        read_mcpl(path, on_damage=True)


@pytest.mark.parametrize("name", ["a.mcpl", "a.mcpl.gz"])
@pytest.mark.parametrize("told", [1, 4, 2**40, 2**63])
def test_a_number_of_particles_that_is_not_there_is_refused(tmp_path, name, told):
    data = bytearray(write(tmp_path / "whole.mcpl", [particle()] * 3).read_bytes())
    data[8:16] = struct.pack("<Q", told)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    with pytest.raises(SourceError, match=rf"expected {told} particles, .* found 3 and 0 bytes"):
        read_mcpl(path)


@settings(max_examples=int(os.environ.get("DONKI_CASES", "100")))
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([".mcpl", ".mcpl.gz"]),
)
def test_bytes_that_are_changed_make_no_other_error(tmp_path_factory, changes, double, flags, suffix):
    folder = tmp_path_factory.mktemp("mcpl")
    data = bytearray(
        write(folder / "a.mcpl", [particle(t=k) for k in range(5)], double=double, flags=flags).read_bytes()
    )
    if suffix == ".mcpl.gz":
        data = bytearray(gzip.compress(data))
    for place, value in changes:
        data[place % len(data)] = value
    path = folder / f"b{suffix}"
    path.write_bytes(data)
    try:
        events = read_mcpl(path, ("p", "x", "y", "t"))
        EventListSource(events, Panel(100, 100, 2, 2))
    except SourceError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either way is right
    else:
        assert len(events) <= 5
