"""`donki shell`: the prompt of a Director that runs already; `watch`: its Players at work."""

from __future__ import annotations

import re

import pytest

from donki_client.api.director import Director
from helpers.donki_command import Command
from helpers.orchestra import an_orchestra
from helpers.support import free_port, wait_until
from helpers.terminal import Terminal


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


@pytest.fixture
def hall(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "shell", "bell", "horn") as orchestra:
        yield orchestra


def at(facility):
    return ("donki/director/shell", "--database", str(facility.database))


def test_the_director_is_asked_and_goes_on(command, hall, facility):
    done = command.run("shell", *at(facility), piped="triggers=4\nstart\nstatus\nquit\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "done after trigger 4" in done.stdout
    assert "ON: trigger 4 of 4" in done.stdout
    assert hall.director.CurrentTrigger == 4


def test_what_tango_cannot_carry_is_refused_and_the_next_line_follows(command, hall, facility):
    lines = "priority[Ω]=1\npriority[shell-bell]=99999999999\nstatus\n"
    done = command.run("shell", *at(facility), piped=lines)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"line 1: .*Tango takes the letters of Latin-1 alone; got .*Ω", done.stdout)
    assert re.search(r"line 2: .*the number is too large; got .*99999999999", done.stdout)
    assert "ON: trigger" in done.stdout


def test_a_sequence_goes_on_when_the_shell_is_left(command, hall, facility):
    lines = "triggers=-1\nperiod=0.02\nstart\n"
    assert command.run("shell", *at(facility), piped=lines).returncode == 0
    before = hall.director.CurrentTrigger
    wait_until("triggers go on", lambda: hall.director.CurrentTrigger > before)
    hall.director.Stop()


def test_tango_host_names_the_database(command, hall, facility):
    command.set("TANGO_HOST", str(facility.database))
    done = command.run("shell", "donki/director/shell", piped="status\n")
    assert done.returncode == 0, done


def test_watch_through_a_pipe_prints_one_table(command, hall, facility):
    done = command.run("shell", *at(facility), piped="triggers=3\nperiod=0\nstart\nwatch\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("last ms") == 1
    assert re.search(
        r"ON  trigger 3 of 3\n.*\nPlayer +priority +state +trigger +last ms +events/s", done.stdout
    )
    for player in hall.players:
        assert re.search(rf"shell-{player} +0 +ON +3 +\d+\.\d +-", done.stdout)
    assert "\x1b" not in done.stdout


def test_watch_shows_a_player_that_is_gone(command, hall, facility):
    hall.children["horn"].kill()
    wait_until("it is missed", lambda: "UNKNOWN" in hall.director.PlayerStates)
    done = command.run("shell", *at(facility), piped="watch\n")
    assert done.returncode == 0, done
    assert re.search(r"shell-horn +0 +UNKNOWN +- +- +-", done.stdout)


def test_lines_that_are_pasted_are_carried_out_one_by_one(command, hall, facility):
    director = Director("donki/director/shell", facility.database)

    def paste(terminal, text):
        terminal.type(f"\x1b[200~{text}\x1b[201~\r")

    with Terminal(command, "shell", *at(facility)) as terminal:
        terminal.expect("donki>")
        paste(terminal, "triggers=2\nstarrt\n")
        terminal.expect("unknown command 'starrt'")
        assert director.triggers != 2
        paste(terminal, "triggers=3\nperiod=0.02\nstart")
        terminal.expect("done after trigger 3")
        paste(terminal, "status\nquit\n")
        terminal.expect("trigger 3 of 3")
        assert terminal.process.wait(20) == 0


def test_watch_on_a_terminal_ends_with_the_sequence_and_with_ctrl_c(command, hall, facility):
    director = Director("donki/director/shell", facility.database)
    with Terminal(command, "shell", *at(facility)) as terminal:
        terminal.expect("donki>")
        terminal.type("triggers=-1\r")
        terminal.expect("triggers = endless")
        terminal.type("period=0.02\r")
        terminal.expect("period = 0.02 s")
        terminal.type("start\r")
        terminal.expect("started")
        terminal.type("watch\r")
        terminal.expect(r"shell-bell +0 +(RUNNING|STANDBY) +\d+")
        terminal.expect(r"shell-bell +0 +(RUNNING|STANDBY) +\d+ +\d+\.\d +\d+")
        terminal.type("\x03")
        terminal.expect("donki>")
        assert director.snapshot().in_progress
        terminal.type("watch\r")
        terminal.expect(r"shell-horn +0 +(RUNNING|STANDBY)")
        director.stop()
        terminal.expect("stopped after trigger")
        terminal.type("quit\r")
        assert terminal.process.wait(20) == 0


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("donki/player/shell-bell", "donki/player/shell-bell is a DonkiPlayer, not a DonkiDirector"),
        ("donki/director/nobody", "is not in that Tango database"),
        ("nonsense", "nonsense"),
        ("tango://localhost:1/a/b/c", "names its database itself"),
    ],
)
def test_what_is_no_director_is_named(command, hall, facility, device, message):
    done = command.run("shell", device, "--database", str(facility.database))
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_is_not_there_is_named(command):
    done = command.run("shell", "donki/director/1", "--database", f"localhost:{free_port()}")
    assert done.returncode == 1
    assert "no Tango database answers there" in done.stderr
