"""Descriptions of instruments, read alike whether they are NeXus files or structures in JSON."""

from __future__ import annotations

import json
from contextlib import suppress

import h5py
import numpy as np
import pytest

from donki.errors import InputError, SourceError
from donki.instrument import tree
from donki.instrument.tree import open_description
from helpers.instrument_files import FORMS, Data, Group, Link, Stream, log, write

BANK = Group(
    "bank0",
    "NXdetector",
    [
        Data("detector_number", [[1, 2, 3], [4, 5, 6]], dtype="int32"),
        Data("x_pixel_offset", [0.0, 0.5, 1.0], units="mm"),
        Data("depends_on", ".", dtype="string"),
        Data("distance", 5.5, units="m"),
        Data("local_name", "Bänk", dtype="string"),
        Link("linked", "x_pixel_offset"),
        Link("again", "/entry/instrument/bank0/linked"),
        Link("nowhere", "/entry/no/such"),
        Link("circle", "circle"),
        Group("events", "NXevent_data", [Stream("ev44", "t_detector", "caen")]),
    ],
)
TREE = [
    Group(
        "entry",
        "NXentry",
        [
            Group("instrument", "NXinstrument", [BANK]),
            Group("unclassed", "", [log("log", "t_logs", "PV:1", "K")]),
            Link("detector", "instrument/bank0"),
        ],
    )
]


@pytest.fixture(params=FORMS)
def root(request, tmp_path):
    with open_description(write(tmp_path, TREE, request.param)) as found:
        yield found


def test_groups_their_classes_and_each_only_once(root):
    assert sorted((group.path, group.nx_class) for group in root.walk()) == [
        ("/", ""),
        ("/entry", "NXentry"),
        ("/entry/instrument", "NXinstrument"),
        ("/entry/instrument/bank0", "NXdetector"),
        ("/entry/instrument/bank0/events", "NXevent_data"),
        ("/entry/unclassed", ""),
        ("/entry/unclassed/log", "NXlog"),
    ]


def test_data_sets(root):
    bank = root.find("entry/instrument/bank0")
    numbers = bank.datasets["detector_number"]
    assert (numbers.shape, numbers.dtype, numbers.size, numbers.units) == ((2, 3), np.int32, 6, None)
    np.testing.assert_array_equal(numbers.read(), [[1, 2, 3], [4, 5, 6]])
    offsets = bank.datasets["x_pixel_offset"]
    assert (offsets.units, offsets.dtype, list(offsets.read())) == ("mm", np.float64, [0, 0.5, 1])
    assert (bank.datasets["distance"].read(), bank.datasets["distance"].shape) == (5.5, ())
    assert (bank.datasets["local_name"].read(), bank.datasets["depends_on"].read()) == ("Bänk", ".")
    assert bank.datasets["depends_on"].dtype.kind == "U"


def test_links_are_followed(root):
    bank = root.find("/entry/instrument/bank0")
    for name in ("linked", "again"):
        assert bank.datasets[name].path == "/entry/instrument/bank0/x_pixel_offset"
    assert root.find("/entry/detector/distance").read() == 5.5
    assert root.find("/entry").groups["detector"].path == bank.path
    assert sorted(bank.unreadable) == [
        "the link circle leads to circle, where nothing is",
        "the link nowhere leads to /entry/no/such, where nothing is",
    ]
    assert not {"nowhere", "circle"} & set(bank.datasets)


def test_paths(root):
    bank = root.find("/entry/instrument/bank0")
    assert bank.find(".").path == bank.find("").path == bank.path
    assert bank.find("../bank0/distance").read() == 5.5
    assert bank.find("/").path == "/"
    assert [group.path for group in bank.above()] == ["/entry/instrument", "/entry", "/"]
    for nothing in ("no", "/no/such", "distance/no", "../../../../no"):
        assert bank.find(nothing) is None


def test_streams(root):
    [events] = root.find("/entry/instrument/bank0/events").streams
    assert (events.module, events.topic, events.source) == ("ev44", "t_detector", "caen")
    [values] = root.find("/entry/unclassed/log").streams
    assert (values.module, values.source, values.config["value_units"]) == ("f144", "PV:1", "K")


def test_what_cannot_be_used_in_a_structure_is_told(tmp_path):
    file = tmp_path / "odd.json"
    children = [
        3,
        {"type": "stream", "name": "old"},
        {"module": "f144"},
        {"type": "group"},
        {"module": "dataset", "config": {"name": "x", "values": [[1, 2], [3]], "dtype": "int32"}},
        {"module": "dataset", "config": {"name": "x", "values": 1}},
        {"module": "dataset", "config": {"name": "y", "values": 1, "dtype": "complex64"}},
    ]
    file.write_text(json.dumps({"children": [{"type": "group", "name": "entry", "children": children}]}))
    with open_description(file) as root:
        entry = root.find("entry")
        assert len(entry.unreadable) == 5
        assert entry.unreadable[-1] == "the data set x is there already"
        with pytest.raises(SourceError, match=r"odd\.json, /entry/x: its values are no array of int32"):
            entry.datasets["x"].read()
        with pytest.raises(SourceError, match=r"/entry/y: the dtype 'complex64' is none of"):
            entry.datasets["y"].read()


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", InputError, "is neither HDF5"),
        (b"\xff\xfe", InputError, "nor JSON in UTF-8"),
        (b"[1, 2]", InputError, "holds no nexus_structure"),
        (b'{"children": 1}', InputError, "holds no nexus_structure"),
        (b'{"children": [' + 300 * b"[" + 300 * b"]" + b"]}", InputError, "nested"),
        (b'{"children": [NaN]}', InputError, "NaN is not JSON"),
    ],
)
def test_what_is_no_description_is_refused_in_one_line(tmp_path, content, error, said):
    file = tmp_path / "wrong"
    file.write_bytes(content)
    with pytest.raises(error, match=said) as refused, open_description(file):
        pass
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_structure_that_is_too_large_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "MOST_BYTES", 100)
    file = tmp_path / "large.json"
    file.write_text(json.dumps({"children": [], "filling": "x" * 100}))
    with pytest.raises(SourceError, match=r"at most 100 bytes.* give a NeXus file"), open_description(file):
        pass


def test_a_file_that_is_cut_short_or_damaged_ends_in_one_of_our_errors(tmp_path):
    whole = write(tmp_path, TREE, "nexus").read_bytes()
    file = tmp_path / "damaged.nxs"
    rng = np.random.default_rng(1)
    for length in rng.integers(9, len(whole), 20):
        file.write_bytes(whole[:length])
        with pytest.raises((SourceError, InputError)), open_description(file):
            pass
    for _ in range(60):
        bytes_ = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            bytes_[place] ^= 0xFF
        file.write_bytes(bytes_)
        with suppress(SourceError, InputError), open_description(file) as root:
            for group in root.walk():
                assert list(group.streams) + list(group.unreadable) is not None
                for dataset in group.datasets.values():
                    dataset.read()


def test_data_of_other_files_are_not_read(tmp_path):
    with h5py.File(tmp_path / "secret.nxs", "w") as other:
        other["data"] = 1
    with h5py.File(tmp_path / "made.nxs", "w") as file:
        file["outside"] = h5py.ExternalLink(str(tmp_path / "secret.nxs"), "/data")
    with open_description(tmp_path / "made.nxs") as root:
        assert root.find("outside") is None
        assert not root.datasets
        assert list(root.unreadable) == [
            "outside is in another file, or neither group nor data set: it is not read"
        ]


def test_alarms_and_connections_are_known_by_what_was_written_of_them(tmp_path):
    pv = Group("log", "NXlog", [Stream(module, "t", "PV") for module in ("f144", "al00", "ep01")])
    for form in FORMS:
        with open_description(write(tmp_path, [pv], form)) as root:
            assert [stream.module for stream in root.find("log").streams] == ["f144", "al00", "ep01"]
