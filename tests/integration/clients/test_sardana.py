"""An orchestra in Sardana: a real Pool and MacroServer, set up by the lines of the documentation.

What Sardana counts is compared with what the Players' scripts write down themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict

import h5py
import numpy as np
import pytest
import tango

from donki_client import Director
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from helpers.doc_examples import ROOT, examples
from helpers.orchestra import SCRIPTS
from helpers.sardana_pool import a_sardana
from helpers.support import wait_until

PAGE = ROOT / "docs" / "how-to" / "sardana.rst"
PLAYERS = ("detector", "monitor")
CHANNELS = ("triggers", "events", "detector_events", "monitor_events")
PERIOD = 0.05

# A MacroServer is busy for ten seconds when it starts, for longer where the machine has other things to do.
pytestmark = pytest.mark.timeout(300)


class Hall:
    """An orchestra and a Sardana of one database; `door` runs macros."""

    def __init__(self, folder, facility, door):
        self.folder = folder
        self.door = door
        self.facility = facility
        self.director = Director("donki/director/1", facility.database)
        self._spock = [
            line
            for example in examples(PAGE, "text")
            for line in example.text.splitlines()
            if example.caption == "spock"
        ]

    def proxy(self, device):
        return tango.DeviceProxy(f"tango://{self.facility.database.tango_host}/{device}")

    def documented(self, *words):
        """Run the documented lines that begin with one of these words."""
        lines = [line for line in self._spock if line.split()[0] in words]
        assert lines
        for line in lines:
            self.door.run(line)

    def documented_line(self, beginning):
        [line] = [line for line in self._spock if line.startswith(beginning)]
        return line

    def parameters(self, player, **more):
        notes = str(self.folder / "notes.jsonl")
        self.proxy(f"donki/player/{player}").Parameters = json.dumps({"notes": notes, **more})

    def reset(self):
        for player in PLAYERS:
            self.parameters(player)
        if self.director.snapshot().in_progress:
            self.director.abort()
            self.director.wait(10)
        self.director.configure(period=PERIOD)
        self.synchronise("software", "Trigger")

    def synchronise(self, synchronizer, synchronization):
        self.door.run(f"set_meas_conf synchronizer {synchronizer} triggers")
        self.door.run(f"set_meas_conf synchronization {synchronization} triggers")

    def sent(self):
        """Return what the scripts sent in the last run: by channel, a number for each trigger."""
        noted = defaultdict(dict)
        for line in (self.folder / "notes.jsonl").read_text().splitlines():
            note = json.loads(line)
            if note["run"] == self.director.run_id:
                noted[note["player"]][note["trigger"]] = note["events"]
        triggers = range(1, max(map(max, noted.values())) + 1)
        by_player = {
            f"{player}_events": [noted[player][trigger] for trigger in triggers] for player in PLAYERS
        }
        both = np.sum(list(by_player.values()), axis=0).tolist()
        for player in PLAYERS:
            assert sum(by_player[f"{player}_events"]) == self.proxy(f"donki/player/{player}").EventsSent
        return {"triggers": [1] * len(triggers), "events": both, **by_player}

    def scan(self, line):
        """Run a scan, and return what its file says: by channel, a number for each point."""
        self.door.run(line)
        with h5py.File(self.folder / "scan.h5") as file:
            last = file[max(file, key=lambda name: int(name.removeprefix("entry")))]
            return {channel: last["measurement"][channel][()].tolist() for channel in CHANNELS}


def points(sent, triggers):
    """Return the sums over so many triggers of each point."""
    return {name: np.reshape(values, (-1, triggers)).sum(axis=1).tolist() for name, values in sent.items()}


@pytest.fixture(scope="module")
def the_hall(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sardana")
    with LocalFacility(folder) as facility:
        database, broker = facility.start_database_and_broker()
        script = SCRIPTS / "counted.py"
        facility.start_servers(
            DeviceServer.director(RunDirectory=str(folder / "runs")),
            *(DeviceServer.player(name, script, KafkaBrokers=str(broker)) for name in PLAYERS),
        )
        where, whose = (example.text for example in examples(PAGE, "python"))
        python(where, database)
        with a_sardana(facility, folder, "demo") as door:
            hall = Hall(folder, facility, door)
            hall.documented("defctrl", "defelem", "defmeas", "set_meas")
            python("import tango\n" + whose, database)
            door.run(f"senv ScanDir {folder}")
            door.run("senv ScanFile scan.h5")
            hall.proxy("mot01").Acceleration = hall.proxy("mot01").Deceleration = 0.1
            yield hall


def python(text, database):
    environment = {"TANGO_HOST": database.tango_host, "PATH": ""}
    subprocess.run([sys.executable, "-c", text], env=environment, check=True, timeout=60)


@pytest.fixture
def hall(the_hall):
    the_hall.reset()
    return the_hall


def test_ct_counts_as_many_triggers_as_the_time_has_periods(hall):
    counted = hall.door.count(0.5)
    sent = hall.sent()
    assert counted == {name: sum(values) for name, values in sent.items()}
    assert counted["triggers"] == 10
    assert not hall.director.snapshot().in_progress


def test_ct_with_no_period_counts_one_trigger(hall):
    hall.director.period = 0
    counted = hall.door.count(0.5)
    assert counted == {name: sum(values) for name, values in hall.sent().items()}
    assert counted["triggers"] == 1


def test_a_step_scan_is_one_run_and_each_point_is_exact(hall):
    scanned = hall.scan(hall.documented_line("ascan "))
    assert scanned == points(hall.sent(), 4)
    assert scanned["triggers"] == [4] * 4
    assert not hall.director.snapshot().in_progress
    assert (hall.director.step_triggers, hall.director.period) == (1, PERIOD)


@pytest.mark.parametrize("line", ["timescan 40 0.02", "ascanct ", "ascan "])
def test_with_the_director_as_trigger_gate_each_trigger_is_counted(hall, line):
    hall.synchronise("director", "Trigger")
    if line.endswith(" "):
        line = hall.documented_line(line)
    assert hall.scan(line) == hall.sent()
    assert not hall.director.snapshot().in_progress
    assert hall.director.period == PERIOD


def test_a_software_start_counts_each_trigger_without_a_trigger_gate(hall):
    hall.synchronise("software", "Start")
    scanned = hall.scan("timescan 20 0.02 0.01")
    assert scanned == hall.sent()
    assert len(scanned["events"]) == 20


def test_a_failure_ends_the_scan_and_the_channels_tell_why(hall):
    hall.parameters("monitor", fail_at=6)
    assert "Fault" in hall.door.fails("ascan mot01 0 1 3 0.2")
    status = hall.proxy("detector_events").status()
    assert "Player monitor, trigger 6" in status
    assert "no neutrons" in status
    hall.parameters("monitor")
    assert hall.door.count(0.2)["triggers"] == 4


def test_a_failure_under_a_trigger_gate_ends_the_scan_too(hall):
    hall.synchronise("director", "Trigger")
    hall.parameters("monitor", fail_at=3)
    assert "Fault" in hall.door.fails("ascan mot01 0 1 3 0.2")
    assert "Player monitor, trigger 3" in hall.proxy("detector_events").status()
    assert "Player monitor, trigger 3" in hall.proxy("director").status()


def test_a_run_that_a_scan_has_left_is_ended_by_the_hook_or_by_the_next_count(hall):
    hall.door.run("defgh 'mv nowhere 1' post-acq")
    assert "nowhere" in hall.door.fails("ascan mot01 0 1 3 0.1")
    run = hall.director.run_id
    assert hall.director.snapshot().state == tango.DevState.STANDBY
    hall.documented("defgh")
    assert "nowhere" in hall.door.fails("ascan mot01 0 1 3 0.1")
    assert hall.director.run_id != run
    assert not hall.director.snapshot().in_progress
    hall.door.run("udefgh all")
    assert hall.director.period == PERIOD


@pytest.mark.parametrize("synchronizer", ["software", "director"])
@pytest.mark.parametrize("command", ["StopMacro", "AbortMacro"])
def test_what_ends_a_macro_ends_the_run(hall, synchronizer, command):
    hall.synchronise(synchronizer, "Trigger")
    macro = hall.door.begin("timescan 200 0.05" if synchronizer == "director" else "ct 10")
    wait_until("it plays", lambda: hall.director.snapshot().current_trigger > 2)
    getattr(hall.door.device, command)()
    assert hall.door.ended(macro) == {"StopMacro": "stop", "AbortMacro": "abort"}[command]
    wait_until("the run ends", lambda: not hall.director.snapshot().in_progress)
    assert hall.director.current_trigger < 200
    hall.synchronise("software", "Trigger")
    assert hall.door.count(0.1)["triggers"] == 2


def test_a_run_of_somebody_else_is_not_touched(hall):
    hall.director.configure(triggers=-1)
    hall.director.start()
    run = hall.director.run_id
    assert f"run {run}: wait for its end, or stop it" in hall.door.fails("ct 0.1")
    assert hall.director.snapshot().in_progress
    assert hall.director.run_id == run
    hall.director.stop()
    hall.director.wait(10)
    assert hall.door.count(0.1)["triggers"] == 2


def test_a_pause_by_an_operator_holds_the_point_which_stays_exact(hall):
    macro = hall.door.begin("ascan mot01 0 1 1 0.5")
    wait_until("it plays", lambda: hall.director.snapshot().current_trigger > 2)
    hall.director.pause()
    wait_until("it is paused", lambda: hall.director.state == tango.DevState.STANDBY)
    time.sleep(0.3)
    assert hall.door.device.state() == tango.DevState.RUNNING
    # From now on the Director alone would go on for ever.
    hall.director.resume()
    assert hall.door.ended(macro) == "finish"
    sent = hall.sent()
    with h5py.File(hall.folder / "scan.h5") as file:
        last = file[max(file, key=lambda name: int(name.removeprefix("entry")))]
        scanned = {channel: last["measurement"][channel][()].tolist() for channel in CHANNELS}
    for name, values in scanned.items():
        assert values == [sum(sent[name][:10]), sum(sent[name][-10:])]


def test_what_cannot_be_counted_is_refused_by_name(hall):
    assert "not until a monitor has so many" in hall.door.fails("ct -100")
    channel = hall.proxy("detector_events")
    channel.Player = "nobody"
    assert "donki/director/1 has no Player 'nobody'; it has detector, monitor" in hall.door.fails("ct 0.1")
    channel.Player = "detector"
    hall.parameters("detector")
    assert hall.door.count(0.1)["triggers"] == 2
