"""The programs in clients/examples, as a user runs them: with PyTango and our devices, no more of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from donki.streams.readouts.bifrost import BifrostFrontEnd
from donki.streams.readouts.ess_time import ess_time
from donki.streams.readouts.packet import Pulse, packet
from donki.streams.readouts.sender import ReadoutSender
from helpers.orchestra import an_orchestra
from helpers.support import free_port

EXAMPLES = Path(__file__).parents[3] / "clients" / "examples"
DIRECTOR = "donki/director/examples"


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("examples"), "examples", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    return the_orchestra


@pytest.fixture
def run(orchestra):
    def run(program, *arguments):
        return subprocess.run(
            [sys.executable, EXAMPLES / program, DIRECTOR, *arguments],
            env={**os.environ, "TANGO_HOST": orchestra.facility.database.tango_host},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_they_need_nothing_of_ours():
    programs = list(EXAMPLES.glob("*.py"))
    assert len(programs) == 5
    for program in programs:
        assert not re.search(r"\bdonki(_client)?\b(?!/)", program.read_text().replace('"donki/', ""))


def test_a_sequence_is_played_and_followed(run):
    done = run("play_and_follow.py", "5")
    assert done.returncode == 0, done.stderr
    assert "\nCurrentTrigger 5\n" in done.stdout
    assert re.search(r"^played 5 of 5 triggers, run \S+$", done.stdout, re.MULTILINE)


def test_a_sequence_that_fails_is_told(run, orchestra):
    orchestra.set("b", fail_at=3)
    done = run("play_and_follow.py", "5")
    assert done.returncode == 1
    assert "on fire" in done.stderr


def test_priorities_are_set_and_a_player_is_disabled(run):
    done = run("set_priorities.py", "examples-a=2", "examples-b=-1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["examples-b", "disabled", "examples-a", "2"]
    wrong = run("set_priorities.py", "nobody=1")
    assert wrong.returncode == 1
    assert "nobody" in wrong.stderr


def test_a_run_that_fails_is_recovered(run, orchestra):
    orchestra.set("b", fail_at=3, fails_for=1)
    done = run("recover.py", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after trigger 3: Player examples-b, trigger 3: " in done.stdout
    assert done.stdout.rstrip().endswith("5 of 5 triggers")


def test_the_timing_of_a_run_is_read(run, orchestra):
    assert orchestra.play(4) == "ON"
    done = run("read_timing.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["trigger", "1", "2", "3", "4"]
    assert all(float(line.split()[2]) > 0 for line in lines[1:])


@pytest.mark.parametrize("lost", [0, 3])
def test_packets_are_counted_and_those_that_are_missing(lost):
    port = free_port()
    command = [sys.executable, EXAMPLES / "count_packets.py", str(port)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as counting,
        closing(ReadoutSender(f"127.0.0.1:{port}")) as sender,
        closing(ReadoutSender(f"127.0.0.1:{free_port()}")) as elsewhere,
    ):
        assert counting.stdout.readline() == f"waiting at port {port}\n"
        for number in range(10):
            head = Pulse(ess_time(10**18), ess_time(10**18))
            made = packet(BifrostFrontEnd.detector_type, head, 2, number, np.zeros(1, BifrostFrontEnd.record))
            (elsewhere if 4 <= number < 4 + lost else sender).send(2, made, 1)
        counted, _ = counting.communicate(timeout=60)
    assert counted == f"{10 - lost} packets came, {lost} are missing\n"
    assert counting.returncode == bool(lost)
