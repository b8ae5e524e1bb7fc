"""A Director whose journal cannot be written, that is initialised, or that ends in mid-run."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from itertools import pairwise

import pytest
import tango

from donki.director.journal.migrations import VERSION
from helpers.run_phases import Acting, SettingUp, Waiting, acted, ended
from helpers.support import refused, took, wait_until

ALL = [(trigger, 1) for trigger in (1, 2, 3, 4)]


@pytest.fixture
def orchestra(trio):
    return trio


@pytest.fixture
def locked(orchestra):
    """Keep the Director from writing its journal while the block lasts, as a backup may."""

    @contextmanager
    def locked():
        with closing(sqlite3.connect(orchestra.journal, isolation_level=None)) as journal:
            journal.execute("BEGIN IMMEDIATE")
            yield
            journal.execute("ROLLBACK")

    return locked


@contextmanager
def full_disk(orchestra):
    """Let no file of the Director's grow while the block lasts."""
    size = orchestra.journal.with_name(f"{orchestra.journal.name}-wal").stat().st_size
    pid = orchestra.children["director"].pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def wait_left(orchestra):
    for name, player in orchestra.players.items():
        wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON")


def test_a_run_goes_on_while_its_journal_is_locked_and_is_whole_afterwards(orchestra, locked):
    director = orchestra.director
    moment = Acting(orchestra)
    moment.begin()
    with locked():
        moment.go_on()
        assert orchestra.ended() == "ON"
        wait_until("it is said", lambda: "cannot be written: database is locked" in director.Status())
        began = time.monotonic()
        assert "mend the property RunDirectory" in refused(director.Start)
        assert took(began) < 3
    assert ended(orchestra) == ("ON", "done", 4)
    assert director.Status().startswith("ready")
    wait_until("all is well", lambda: "journal" not in director.Status())
    assert orchestra.play(1) == "ON"


def test_a_run_goes_on_while_the_disk_is_full_and_is_whole_afterwards(orchestra):
    director = orchestra.director
    director.Triggers = -1
    director.Start()
    with full_disk(orchestra):
        wait_until("it is said", lambda: "journal.sqlite cannot be written" in director.Status())
        now = director.CurrentTrigger
        wait_until("it goes on", lambda: director.CurrentTrigger > now + 20)
        director.Stop()
        assert orchestra.ended() == "ON"
        assert "cannot be written" in refused(director.Start)
    last = director.CurrentTrigger
    assert ended(orchestra) == ("ON", "stopped", last)
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        query = "SELECT COUNT(*) FROM trigger JOIN run ON run = run.key WHERE id = ?"
        assert journal.execute(query, (director.RunId,)).fetchone() == (last,)
    assert orchestra.play(1) == "ON"


def set_version(orchestra, version):
    with closing(sqlite3.connect(orchestra.journal, isolation_level=None)) as journal:
        journal.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("restarted", [False, True])
def test_in_a_journal_of_a_later_version_no_run_begins_and_all_say_so(orchestra, restarted):
    assert orchestra.play(1) == "ON"
    if restarted:
        orchestra.children["director"].kill()
    set_version(orchestra, VERSION + 1)
    if restarted:
        orchestra.restart("director")
    director = orchestra.director
    why = f"is of version {VERSION + 1}, from a later version of DonkiOrchestra"
    wait_until("Status says so", lambda: why in director.Status())
    assert str(orchestra.state()) == "ON"
    assert why in director.Check()[0]
    for command in (director.Start, director.Arm, director.Recover):
        assert why in refused(command)
    assert why in director.LastError
    set_version(orchestra, VERSION)
    wait_until("all is well", lambda: not director.Check())
    assert orchestra.play(1) == "ON"
    assert why not in director.Status()


def test_what_is_set_while_start_is_busy_holds_for_the_run(orchestra, locked):
    director = orchestra.director
    asked = orchestra.proxy(director.dev_name())

    def starts():
        director.Triggers = 9
        director.Period = 0
        with locked():
            ticket = asked.command_inout_asynch("Start")
            # It waits for the journal for half a second, with the sequence made.
            time.sleep(0.2)
            director.Triggers = 3
            director.Period = 0.03
        try:
            asked.command_inout_reply(ticket, timeout=3000)
        except tango.DevFailed as failed:
            return "locked" not in failed.args[0].desc
        return True

    wait_until("the journal is free in time", starts)
    assert ended(orchestra) == ("ON", "done", 3)
    references = [note["reference_time"] for note in orchestra.notes("begin", "x")]
    assert [later - sooner for sooner, later in pairwise(references)] == [30_000_000] * 2


@pytest.mark.parametrize("moment", [SettingUp, Acting, Waiting])
def test_init_ends_a_run_at_every_moment(orchestra, moment):
    director = orchestra.director
    log = orchestra.children["director"].log
    moment = moment(orchestra)
    moment.begin()
    director.Init()
    assert orchestra.state() == "ON"
    director.Period = 0
    moment.gate.unlink(missing_ok=True)
    wait_left(orchestra)
    orchestra.notes_file.unlink()
    orchestra.refresh()
    assert orchestra.play(4) == "ON"
    assert acted(orchestra, "x") == ALL
    assert "Traceback" not in log.read_text()


def test_init_ends_a_start_that_has_not_come_to_the_players_yet(orchestra, locked):
    director = orchestra.director
    director.Triggers = -1
    asked = [orchestra.proxy(director.dev_name()) for _ in range(2)]
    with locked():
        start = asked[0].command_inout_asynch("Start")
        time.sleep(0.1)
        init = asked[1].command_inout_asynch("Init")
        time.sleep(0.1)
    asked[1].command_inout_reply(init, timeout=3000)
    with suppress(tango.DevFailed):
        asked[0].command_inout_reply(start, timeout=3000)
    assert orchestra.state() == "ON"
    wait_left(orchestra)
    since = time.time_ns()
    assert orchestra.play(2) == "ON"
    assert len({note["run"] for note in orchestra.notes("begin", "x") if note["time"] > since}) == 1
    assert "Traceback" not in orchestra.children["director"].log.read_text()


def test_a_director_that_is_terminated_in_mid_run_leaves_the_players(orchestra):
    moment = Waiting(orchestra)
    moment.begin()
    run = orchestra.director.RunId
    child = orchestra.children["director"]
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(10) is not None
    wait_left(orchestra)
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        assert journal.execute("SELECT outcome FROM run WHERE id = ?", (run,)).fetchone() == ("aborted",)
    assert "Traceback" not in child.log.read_text()


def test_a_refused_request_leaves_no_error_behind(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    for command in ("Start", "Recover"):
        with pytest.raises(tango.DevFailed):
            orchestra.director.command_inout(command)
    assert orchestra.director.LastError == ""
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    assert orchestra.director.LastError == ""
