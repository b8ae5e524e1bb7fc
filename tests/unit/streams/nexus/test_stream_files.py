"""Names of files, a new file each so many triggers, compression, aliases."""

import h5py
import numpy as np
import pytest
import scippnexus
from hypothesis import given
from hypothesis import strategies as st

import donki.streams.nexus.file_names
from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.aliases import read_aliases, renamed
from donki.streams.nexus.compression_names import check_compression
from donki.streams.nexus.detector import Detector
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FILE_NAME, FileNames, check_file_name
from donki.streams.nexus.row_group import Layout
from donki.streams.nexus.superblock import SIGNATURE
from donki.streams.values import as_value

RUN = Run("20261122T101500Z-3f9a", "Silicon")
TIME = 1_700_000_000_000_000_000


def names(folder, pattern=FILE_NAME, player="p0"):
    return FileNames(folder, pattern, RUN.id, player)


@pytest.mark.parametrize(
    "pattern",
    [FILE_NAME, "{player}-{run}.h5", "{run}_{player}_{first}.nxs", "{run}_{player}_{first:06d}.hdf5"],
)
def test_patterns_that_name_files(pattern):
    check_file_name(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "{run}.nxs",
        "{player}_{first}.nxs",
        "{run}_{player}",
        "{run}_{player}.txt",
        "{run}/{player}.nxs",
        "../{run}_{player}.nxs",
        "{run}+{player}.nxs",
        "{run}_{player}_{trigger}.nxs",
        "{run}_{player}_{}.nxs",
        "{run}_{player}_{first.nxs",
        "{run}_{player}_{first:.2f}.nxs",
        "{run:>30}_{player}.nxs",
        "{run!r}_{player}.nxs",
        "{run.id}_{player}.nxs",
        "{run}_{player}_\0.nxs",
    ],
)
def test_patterns_that_do_not_are_refused_with_an_example(pattern):
    with pytest.raises(InputError, match=r"a pattern of file names as '\{run\}_\{player\}\.nxs'"):
        check_file_name(pattern)


def test_a_name_that_is_taken_gets_a_number_and_what_is_there_is_known_in_order(tmp_path):
    for number, name in enumerate([f"{RUN.id}_p0.nxs", f"{RUN.id}_p0+2.nxs", f"{RUN.id}_p0+3.nxs"], start=1):
        found = names(tmp_path)
        assert len(found.paths) == number - 1
        path = found.next()
        path.write_bytes(SIGNATURE)
        found.add(path)
        assert [path.name for path in found.paths][-1] == name
    for _ in range(8):
        names(tmp_path).next().write_bytes(SIGNATURE)
    assert [path.name for path in names(tmp_path).paths][-2:] == [f"{RUN.id}_p0+{n}.nxs" for n in (10, 11)]


def test_files_are_in_the_order_of_their_first_triggers(tmp_path):
    pattern = "{run}_{player}_{first}.nxs"
    for first in (1, 9, 10, 10, 100):
        found = names(tmp_path, pattern)
        found.trigger = first
        found.next().write_bytes(SIGNATURE)
    expected = ["1", "9", "10", "10+2", "100"]
    assert [p.name for p in names(tmp_path, pattern).paths] == [f"{RUN.id}_p0_{n}.nxs" for n in expected]


@given(st.lists(st.sampled_from(["a", "a_1", "a_1_1", "a.1", "a-1", "a1"]), unique=True, min_size=2))
def test_the_files_of_other_players_are_not_taken_for_ones_own(tmp_path_factory, players):
    for pattern in (FILE_NAME, "{run}_{player}_{first}.nxs"):
        folder = tmp_path_factory.mktemp("files")
        made = {player: names(folder, pattern, player).next() for player in players}
        for path in made.values():
            path.write_bytes(SIGNATURE)
        for player, path in made.items():
            assert names(folder, pattern, player).paths == (path,)


@given(st.lists(st.sampled_from(["begin a trigger", "begin a file", "give up", "fail", "tell"]), max_size=20))
def test_whoever_was_told_of_a_file_is_told_that_it_is_gone(tmp_path_factory, happened):
    """A Director that does as the manifests tell has in its journal what is there."""
    its = names(tmp_path_factory.getbasetemp() / "nowhere")
    known = set()
    for what in (*happened, "tell"):
        match what:
            case "begin a trigger":
                its.begin(its.trigger + 1)
                # Anybody may read the attribute Files.
                known |= set(its.paths)
            case "begin a file":
                its.add(its.next())
            case "give up" if its.paths:
                its.remove(its.paths[-1])
            case "fail" if its.paths:
                its.remove(its.paths[0])
            case "tell":
                known -= set(its.take_gone())
                known |= set(its.paths)
    assert known == set(its.paths)


@given(st.binary(max_size=7), st.integers(0, 1))
def test_what_a_player_made_when_it_died_is_no_file_and_told_to_be_gone(tmp_path_factory, content, whole):
    folder = tmp_path_factory.mktemp("files")
    path = names(folder).next()
    path.write_bytes(SIGNATURE * whole + content)
    found = names(folder)
    if whole:
        assert (found.paths, found.take_gone()) == ((path,), ())
    else:
        assert (found.paths, found.take_gone(), found.next()) == ((), (path,), path)
    assert path.exists() == bool(whole)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(donki.streams.nexus.file_names, "MOST_FILES", 3)
    found = names(tmp_path, "{run}_{player}_{first}.nxs")
    for _ in range(3):
        found.add(found.next())
    with pytest.raises(FileError, match=r"3 files of Player p0 .*; put more triggers into one"):
        found.next()


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_folder_that_files_cannot_go_to_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=str(tmp_path / place)):
        names(tmp_path / place).check_folder()


def fill(file, trigger):
    column = np.full(1000, trigger, np.int32)
    file.append_events("panel", TIME + trigger, column, column)
    file.append_rows("T", {"value": np.array([trigger * 1.5]), "time": np.array([TIME + trigger])})
    file.append_values(
        trigger, {"number": as_value(trigger, ""), "image": as_value([[trigger] * 4] * 3, ""), "note": "fine"}
    )


def opened(path, **settings):
    file = NexusFile(path, RUN, "p0", **settings)
    file.open_events("panel", Detector(np.arange(20, dtype=np.int32)))
    file.open_rows("T", "T", Layout("NXlog", {"value": {"units": "K"}, "time": {"units": "ns"}}))
    return file


def test_a_file_that_was_closed_is_followed_by_the_next_with_the_same_streams(tmp_path):
    found = names(tmp_path, "{run}_{player}_{first}.nxs")
    file = opened(found)
    assert found.paths == ()
    for trigger in range(1, 6):
        found.trigger = trigger
        fill(file, trigger)
        file.commit()
        if trigger % 2 == 0:
            file.close()
    file.close()
    file.close()
    assert [path.name for path in found.paths] == [f"{RUN.id}_p0_{first}.nxs" for first in (1, 3, 5)]
    for path, triggers in zip(found.paths, ([1, 2], [3, 4], [5]), strict=True):
        with scippnexus.File(path) as nexus:
            assert nexus["entry/entry_identifier"][()] == RUN.id
            events = nexus["entry/instrument/panel"][...]["panel_events"]
            assert list(np.flatnonzero(events.bins.size().values)) == triggers
            assert list(nexus["entry/instrument/T/value"][()].values) == [1.5 * n for n in triggers]
        with h5py.File(path) as root:
            assert list(root["p0/number"]) == list(root["p0/number_trigger"]) == triggers
            assert root["p0/image"].shape == (len(triggers), 3, 4)


def test_after_a_write_that_failed_the_file_is_as_committed_and_the_next_takes_over(tmp_path, monkeypatch):
    found = names(tmp_path)
    file = opened(found)
    file.begin()
    fill(file, 1)
    file.commit()
    fill(file, 2)
    with monkeypatch.context() as patch:

        def fail(*_):
            raise OSError("No space left on device")

        patch.setattr("donki.streams.nexus.column.Column.commit", fail)
        with pytest.raises(FileError, match=rf"{found.paths[0]} cannot be written: No space left on device"):
            file.commit()
        file.discard()
        patch.setattr("donki.streams.nexus.swmr_file.SharedFile.publish", fail)
        with pytest.raises(FileError, match=rf"{RUN.id}_p0\+2.nxs cannot be written: No space left"):
            fill(file, 2)
        file.discard()
    assert list(tmp_path.iterdir()) == list(found.paths)
    fill(file, 2)
    file.commit()
    file.close()
    assert [path.name for path in found.paths] == [f"{RUN.id}_p0.nxs", f"{RUN.id}_p0+2.nxs"]
    for path, trigger in zip(found.paths, (1, 2), strict=True):
        with scippnexus.File(path) as nexus:
            events = nexus["entry/instrument/panel"][...]["panel_events"]
        assert list(np.flatnonzero(events.bins.size().values)) == [trigger]


def content(path):
    """Return everything that is in a file."""
    found = {}

    def note(name, item):
        found[name] = {key: str(value) for key, value in item.attrs.items() if "LIST" not in key}
        if isinstance(item, h5py.Dataset):
            found[name] |= {"shape": item.shape, "dtype": item.dtype, "bytes": np.asarray(item[()]).tolist()}
            found[name] |= {"maxshape": item.maxshape}
            found[name] |= {"dims": [(d.label, [scale.name for scale in d.values()]) for d in item.dims]}

    with h5py.File(path) as file:
        note("/", file)
        file.visititems(note)
    for name in ("entry/start_time", "entry/end_time"):
        found[name].pop("bytes")
    found["/"].pop("file_time")
    return found


@pytest.mark.parametrize("name", ["gzip", "lzf", "bitshuffle", "blosc", "blosc2", "lz4", "zstd"])
def test_a_compressed_file_holds_the_same_and_is_smaller(tmp_path, name):
    sizes = {}
    for compression in ("", name):
        folder = tmp_path / (compression or "plain")
        folder.mkdir()
        path = folder / "run.nxs"
        file = opened(path, compression=compression)
        for trigger in range(1, 400):
            fill(file, trigger % 20)
        file.commit()
        file.close()
        assert list(folder.iterdir()) == [path]
        sizes[compression] = path.stat().st_size
    assert sizes[name] < sizes[""] / 3
    assert content(tmp_path / name / "run.nxs") == content(tmp_path / "plain" / "run.nxs")
    with h5py.File(tmp_path / name / "run.nxs") as file:
        assert file["entry/instrument/panel/panel_events/event_id"].id.get_create_plist().get_nfilters()
        # A file of one or two values takes no whole chunk for each.
        assert file["p0/number"].chunks[0] <= 400


def test_a_file_that_cannot_be_compressed_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "run.nxs"
    file = opened(path, compression="gzip")
    fill(file, 1)
    file.commit()
    (tmp_path / "run.nxs.part").mkdir()
    with pytest.raises(FileError, match=r"run\.nxs is whole, but cannot be compressed"):
        file.close()
    assert len(content(path)["entry/values/number"]["bytes"]) == 1


def test_a_compression_that_is_none_or_not_installed_says_what_there_is(monkeypatch):
    with pytest.raises(InputError, match=r"'zip': there is gzip, lzf, with the package hdf5plugin also"):
        check_compression("zip")
    check_compression("blosc")
    monkeypatch.setattr("donki.streams.nexus.compression_names.find_spec", lambda _: None)
    check_compression("gzip")
    with pytest.raises(InputError, match=r"pip install 'donkiorchestra\[compression\]'"):
        check_compression("blosc")


def test_values_are_renamed():
    aliases = read_aliases(["T=sample_temperature", " n = counts "])
    assert renamed({"T": 1, "other": 2}, aliases, "p0") == {"sample_temperature": 1, "other": 2}
    with pytest.raises(InputError, match="two values of Player p0 are called counts"):
        renamed({"n": 1, "counts": 2}, aliases, "p0")


@pytest.mark.parametrize(
    "lines", [["T"], ["=a"], ["T="], ["T=a/b"], ["T=.."], ["T=a", "T=b"], ["T=a", "U=a"], [""]]
)
def test_aliases_that_are_none_are_refused(lines):
    with pytest.raises(InputError, match="alias"):
        read_aliases(lines)
