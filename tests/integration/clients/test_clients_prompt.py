"""`donki director`: the prompt, through a pipe and on a terminal."""

from __future__ import annotations

import re
import signal
import socket
import time

import pytest

from helpers.donki_command import Command, all_gone, descendants, press_ctrl_c, read_until
from helpers.orchestra import SCRIPTS
from helpers.support import free_port, took, wait_until
from helpers.terminal import Terminal

SCRIPT = str(SCRIPTS / "scripted.py")


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


@pytest.fixture
def address():
    return f"localhost:{free_port()}"


@pytest.fixture
def hall(command, address):
    """A running `donki director`, and the Player `bell` in its database."""
    with command.running("director", address) as director:
        read_until(director, "Director: donki/director/1")
        with command.running("player", "bell", address, SCRIPT) as player:
            read_until(player, "donki/player/bell plays")
            yield director


def test_a_database_is_started_and_said_so_where_none_answers(command, address):
    done = command.run("director", address, piped="quit\n")
    assert done.returncode == 0
    assert f"Tango database: none answered at {address}, started one, kept in {command.data}" in done.stdout
    assert "Director: donki/director/1" in done.stdout


def test_settings_survive_the_end_of_the_command(command, address):
    first = command.run("director", address, piped="triggers=17\nperiod=0.5\n")
    assert (first.returncode, first.stderr) == (0, "")
    second = command.run("director", address, piped="status\n")
    assert "trigger 0 of 17, period 0.5 s" in second.stdout


def test_every_line_that_fails_is_named_and_the_exit_status_says_so(command, address):
    lines = "triggers=9\ntriggers=abc\ntriggers=0\npriority[x]=1\nstrat\nstart\nstop\nstatus\n"
    done = command.run("director", address, piped=lines)
    assert done.returncode == 1
    assert "line 2: triggers: a whole number >= 1, or -1 for endless; got 'abc'" in done.stdout
    assert "line 3: triggers: a whole number >= 1" in done.stdout
    assert "line 4: Player x: unknown" in done.stdout
    assert "line 5: unknown command 'strat'; did you mean start" in done.stdout
    assert "line 6: no Player found" in done.stdout
    assert "line 7: Stop is not allowed while the Director is ON" in done.stdout
    assert "ON: trigger 0 of 9" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_piped_start_waits_for_the_end_of_the_sequence(command, hall, address):
    lines = "triggers=4\nperiod=0.1\npriority[bell]=2\nplayers?\nstart\nstatus\nquit\n"
    done = command.run("director", address, piped=lines)
    assert done.returncode == 0, done
    assert re.search(r"bell +2 +ON", done.stdout)
    assert "ON: trigger 4 of 4" in done.stdout
    assert done.stdout.index("started") < done.stdout.index("done after trigger 4")
    assert "already running (host" in done.stdout
    assert hall.poll() is None


def test_a_sequence_that_fails_gives_its_words_and_an_exit_status(command, address, tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("def action(trigger):\n    raise ValueError(f'no beam at {trigger}')\n")
    with command.running("director", address) as director:
        read_until(director, "Director:")
        with command.running("player", "p", address, str(script)) as player:
            read_until(player, "plays")
            done = command.run("director", address, piped="triggers=3\nstart\n")
    assert done.returncode == 1
    assert "failed: Player p, trigger 1:" in done.stdout
    assert "broken.py, line 2: action failed: ValueError: no beam at 1" in done.stdout


def test_an_endless_sequence_does_not_block_the_pipe_and_ends_with_it(hall):
    hall.stdin.write("triggers=-1\nperiod=0.02\nstart\n")
    hall.stdin.flush()
    read_until(hall, "started")
    rest, _ = hall.communicate("status\nquit\n", timeout=60)
    assert "RUNNING: trigger" in rest
    assert "stopping the sequence after the trigger in progress" in rest
    assert hall.returncode == 0


def test_ctrl_c_ends_a_piped_sequence_and_everything_started(hall):
    hall.stdin.write("triggers=1000000\nperiod=0.02\nstart\n")
    hall.stdin.flush()
    read_until(hall, "started")
    children = descendants(hall.pid)
    assert len(children) == 3  # one forks the others
    press_ctrl_c(hall)
    output, _ = hall.communicate(timeout=60)
    assert hall.returncode == 130
    assert "Traceback" not in output
    assert all_gone(children)


def test_kill_9_leaves_nothing_behind(hall):
    children = descendants(hall.pid)
    hall.send_signal(signal.SIGKILL)
    hall.wait()
    wait_until("database and Director are gone", lambda: all_gone(children), 2)


def test_an_address_of_another_program_is_refused(command):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"localhost:{other.getsockname()[1]}"
        done = command.run("director", address)
    assert done.returncode == 1
    assert f"{address} is used by a program that is not a Tango database" in done.stderr


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("localhost", "HOST:PORT is expected"),
        ("nowhere.invalid:50010", "the host 'nowhere.invalid' is not known"),
        ("192.0.2.1:50010", "192.0.2.1 is not an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_is_refused_within_seconds(command, address, message):
    began = time.monotonic()
    done = command.run("director", address)
    assert took(began) < 8
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not command.data.exists()


def test_on_a_terminal_start_returns_and_the_end_is_announced(command, address):
    with Terminal(command, "director", address) as terminal:
        terminal.expect("Director: donki/director/1")
        with command.running("player", "bell", address, SCRIPT) as player:
            read_until(player, "plays")
            play_on(terminal)
        terminal.type("\x03")
        terminal.expect("stop ends the sequence, quit leaves")
        children = descendants(terminal.process.pid)
        terminal.type("quit\r")
        assert terminal.process.wait(20) == 0
        assert all_gone(children)


def play_on(terminal):
    terminal.expect("donki>")
    terminal.type("check\r")
    terminal.expect("ready to start")
    terminal.type("triggers=30\r")
    terminal.expect("triggers = 30")
    terminal.type("period=0.1\r")
    terminal.expect("period = 0.1 s")
    terminal.type("start\r")
    terminal.expect("started")
    terminal.expect("RUNNING")
    # The name of the Player is completed while the sequence goes on.
    terminal.type("pri\t")
    terminal.expect(re.escape("priority[bell]="))
    terminal.type("4\r")
    terminal.expect("priority of bell = 4")
    terminal.expect("done after trigger 30")
