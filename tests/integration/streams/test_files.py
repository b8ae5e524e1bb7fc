"""The files of Players that play: parts, names, compression, aliases; followed, and after a real kill -9."""

import json
import os
import signal
import sqlite3
import uuid
from contextlib import closing

import h5py
import numpy as np
import pytest
import scipp
import scippnexus
import tango

from helpers.orchestra import SCRIPTS, Orchestra
from helpers.support import wait_until

PROPERTIES = ("FileName", "FileTriggers", "FileCompression", "Aliases")


class Writing(Orchestra):
    """An orchestra of one Player that streams events, returns a value and writes files."""

    def __init__(self, facility, folder, prefix, broker):
        super().__init__(facility, folder, prefix)
        self.files = folder / "files"
        self.files.mkdir()
        self.broker = broker

    def player_server(self, name, script=SCRIPTS / "streaming.py", **more):
        properties = {"KafkaBrokers": self.broker, "ValuesTopic": f"{self.prefix}-values"}
        return super().player_server(name, script, **properties, FileDirectory=str(self.files), **more)

    def set(self, name, **parameters):
        given = {"topic": f"{self.prefix}-events", "source": "panel", **parameters}
        self.players[name].Parameters = json.dumps(given)

    @property
    def player(self):
        return self.players["x"]

    def set_properties(self, state="ON", **values):
        self.player.put_property(values)
        self.player.Init()
        wait_until("it is there again", lambda: str(self.player.state()) == state)
        self.refresh()

    def without_run(self, path):
        return path.removeprefix(f"{self.files}/{self.director.RunId}_{self.name('x')}")

    @property
    def master(self):
        path = self.journal.parent / f"{self.director.RunId}.nxs"
        wait_until("the master file", path.exists)
        return path


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory, broker):
    orchestra = Writing(
        facility, tmp_path_factory.mktemp("files"), f"f{uuid.uuid4().hex[:6]}", broker.address
    )
    try:
        orchestra.start("x")
        yield orchestra
    finally:
        for child in orchestra.children.values():
            if child.is_alive:
                child.kill()


@pytest.fixture
def orchestra(the_orchestra):
    if not the_orchestra.children["x"].is_alive:
        the_orchestra.restart("x")
    the_orchestra.reset()
    yield the_orchestra
    the_orchestra.player.delete_property(list(PROPERTIES))


def numbers(path, name="number"):
    """Return the triggers that a file holds, by its values; its events must be of the same."""
    with scippnexus.File(path) as nexus:
        events = nexus["entry/instrument/panel"][...]["panel_events"]
        times = np.unique(events.bins.constituents["data"].coords["event_time_zero"].values)
        (player,) = set(nexus) - {"entry"}
    with h5py.File(path) as file:
        found = list(file[f"{player}/{name}"])
        assert found == list(file[f"{player}/{name}_trigger"])
    assert len(times) == len(found)
    assert events.bins.size().sum().value == 3 * len(found)
    return found


def test_a_new_file_each_so_many_triggers_and_the_master_file_links_all(orchestra):
    orchestra.set_properties(
        FileName="{run}_{player}_{first:04d}.nxs",
        FileTriggers=3,
        FileCompression="gzip",
        Aliases=["number=counted"],
    )
    assert orchestra.play(8) == "ON"
    files = orchestra.player.Files
    assert [orchestra.without_run(path) for path in files] == ["_0001.nxs", "_0004.nxs", "_0007.nxs"]
    assert [numbers(path, "counted") for path in files] == [[1, 2, 3], [4, 5, 6], [7, 8]]
    with h5py.File(files[0]) as file:
        assert file["entry/instrument/panel/panel_events/event_id"].compression == "gzip"
    sources = {stream["source"] for stream in json.loads(orchestra.player.Streams)}
    assert sources == {"panel", f"{orchestra.name('x')}/counted"}
    loaded = scippnexus.load(orchestra.master)["entry"]["players"][orchestra.name("x")]
    parts = [loaded[link]["entry"]["instrument"] for link in ("file", "file_2", "file_3")]
    events = [part["panel"]["panel_events"] for part in parts]
    assert [part.bins.size().sum().value for part in events] == [9, 9, 6]
    assert list(loaded["file_name"].values) == list(files)
    joined = scipp.concat(events, "part").bins.concat("part")
    assert list(joined.bins.size().values) == [8, 8, 8]


def test_a_run_that_is_taken_up_goes_on_in_files_of_its_own(orchestra):
    orchestra.set_properties(FileTriggers=2)
    orchestra.set("x", fail_at=4)
    assert orchestra.play(6) == "FAULT"
    orchestra.director.Recover()
    assert orchestra.ended() == "ON"
    files = orchestra.player.Files
    names = [".nxs", "+2.nxs", "+3.nxs", "+4.nxs"]
    assert [orchestra.without_run(path) for path in files] == names
    assert [numbers(path) for path in files] == [[1, 2], [3], [4, 5], [6]]

    def linked():
        with h5py.File(orchestra.master) as master:
            player = master[f"entry/players/{orchestra.name('x')}"]
            return [*player["file_name"].asstr()] == list(files) and "file_4" in player

    wait_until("the master file links them", linked)


def test_after_kill_9_of_a_player_its_file_has_every_trigger_that_was_acknowledged(orchestra):
    orchestra.set_properties()
    orchestra.director.Triggers = -1
    orchestra.director.Start()
    wait_until("some triggers are done", lambda: orchestra.player.LastTrigger > 20)
    run_id = orchestra.director.RunId
    (path,) = orchestra.player.Files
    os.kill(orchestra.children["x"].pid, signal.SIGKILL)
    assert orchestra.ended() == "FAULT"

    def noted(what):
        with closing(sqlite3.connect(orchestra.journal)) as journal, journal:
            query = f"SELECT {what} FROM trigger JOIN run ON run.key = run WHERE id = ?"
            return journal.execute(query, (run_id,)).fetchone()[0]

    wait_until("the journal has it all", lambda: noted("MAX(ended)"))
    last = noted("MAX(number)")
    assert last >= 20
    found = numbers(path)
    assert found == list(range(1, len(found) + 1))
    # The last may have been done and not be known yet.
    assert len(found) in (last, last + 1)
    with h5py.File(path, "r", swmr=True) as file:
        assert list(file[f"{orchestra.name('x')}/number"]) == found
    loaded = scippnexus.load(orchestra.master)["entry"]["players"][orchestra.name("x")]
    assert loaded["file"]["entry"]["instrument"]["panel"]["panel_events"].bins.size().sum().value >= 3 * last


def test_a_file_is_followed_while_its_player_plays(orchestra):
    orchestra.set_properties()
    orchestra.director.Period = 0.02
    orchestra.director.Triggers = 60
    orchestra.director.Start()
    wait_until("some triggers are done", lambda: orchestra.player.LastTrigger > 5)
    (path,) = orchestra.player.Files
    with h5py.File(path, "r", swmr=True) as file:
        events = file["entry/instrument/panel/panel_events"]
        values = file[f"{orchestra.name('x')}/number"]
        seen = set()

        def follow():
            for dataset in (values, events["event_id"]):
                dataset.refresh()
            count = len(events["event_id"])
            assert count % 3 == 0
            np.testing.assert_array_equal(events["event_id"], np.tile([1, 2, 3], count // 3))
            assert list(values) == list(range(1, len(values) + 1))
            seen.add(len(values))
            return len(values) == 60

        wait_until("all is there", follow)
    assert len(seen) > 5
    assert orchestra.ended() == "ON"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FileName", "{run}.nxs", "FileName: a pattern of file names as"),
        ("FileTriggers", -1, "FileTriggers: triggers in a file: 1 or more"),
        ("FileCompression", "zip", "FileCompression: compression 'zip': there is gzip, lzf"),
        ("Aliases", ["number"], "Aliases: an alias is written name=alias"),
    ],
)
def test_a_property_that_is_not_what_it_should_be_is_named_by_check_and_by_start(
    orchestra, name, value, message
):
    orchestra.set_properties("FAULT", **{name: value})
    (line,) = orchestra.player.Check()
    assert line.startswith(f"the property {message}")
    assert line.endswith("; mend it, then Init")
    assert line in orchestra.player.status()
    with pytest.raises(tango.DevFailed) as refused:
        orchestra.director.Start()
    assert message in refused.value.args[0].desc
    with pytest.raises(tango.DevFailed) as refused:
        orchestra.player.Start()
    assert message.partition(": ")[2] in refused.value.args[0].desc
