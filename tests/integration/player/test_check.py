"""Check says what prevents a sequence, and Start refuses for the same reasons."""

from __future__ import annotations

import re

import pytest
import tango

from helpers.orchestra import an_orchestra
from helpers.support import free_port, wait_until


def refused(call):
    with pytest.raises(tango.DevFailed) as failed:
        call()
    return failed.value.args[0].desc


def check(orchestra):
    return list(orchestra.director.Check() or [])


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("check"), "chk", "x", "y") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    return the_orchestra


def set_property(orchestra, name, **values):
    """Set properties of a Player, and have them taken up."""
    player = orchestra.players[name]
    player.put_property(values)
    player.Init()
    wait_until("it is there again", lambda: str(player.state()) in ("ON", "FAULT"))
    player.Script = "scripted.py"
    orchestra.set(name)


@pytest.fixture
def with_properties(orchestra):
    yield lambda **values: set_property(orchestra, "x", **values)
    orchestra.players["x"].delete_property(["FileDirectory", "ValuesTopic", "KafkaBrokers"])
    set_property(orchestra, "x")


def test_a_ready_orchestra_has_no_findings(orchestra):
    assert check(orchestra) == []


def test_a_player_without_a_usable_script(orchestra):
    with pytest.raises(tango.DevFailed):
        orchestra.players["x"].Script = "missing.py"
    (line,) = check(orchestra)
    assert line.startswith("Player chk-x: ")
    assert "missing.py: no such script" in line
    assert refused(orchestra.director.Start) == line
    orchestra.players["x"].Script = "scripted.py"
    assert check(orchestra) == []


def test_a_folder_for_files_that_is_not_there(orchestra, with_properties, tmp_path):
    with_properties(FileDirectory=str(tmp_path / "nowhere"))
    (line,) = check(orchestra)
    assert line.startswith(f"Player chk-x: FileDirectory {tmp_path}/nowhere: there is no such folder")
    assert refused(orchestra.director.Start) == line
    (tmp_path / "nowhere").mkdir()
    assert check(orchestra) == []


def test_a_broker_that_is_not_there(orchestra, with_properties):
    address = f"127.0.0.1:{free_port()}"
    with_properties(ValuesTopic="values", KafkaBrokers=[address])
    (line,) = check(orchestra)
    assert line.startswith("Player chk-x: ")
    assert address in line
    assert refused(orchestra.director.Start) == line
    assert orchestra.state() == "ON"


def test_a_topic_that_cannot_be_made(orchestra, with_properties, broker):
    with_properties(ValuesTopic="no/topic", KafkaBrokers=[broker.address])
    (line,) = check(orchestra)
    assert "'no/topic' cannot be made" in line
    with_properties(ValuesTopic="check.values", KafkaBrokers=[broker.address])
    assert check(orchestra) == []


def test_a_period_that_was_too_short_in_the_last_run_is_a_warning_only(orchestra):
    director = orchestra.director
    orchestra.set("x", sleep=0.05)
    director.SetPriority([[1], ["chk-y"]])
    assert orchestra.play(5) == "ON"
    assert check(orchestra) == []
    director.Period = 0.02
    (line,) = check(orchestra)
    needed = re.match(r"warning: a Period of 0.02 s is shorter than the ([\d.]+) s that", line)
    assert 0.05 <= float(needed[1]) < 0.5
    assert orchestra.play(2) == "ON"
    director.Period = 0.5
    assert check(orchestra) == []


def test_a_check_is_refused_while_a_sequence_runs(orchestra):
    orchestra.set("x", sleep=0.5)
    orchestra.director.Triggers = 1
    orchestra.director.Start()
    assert "Check is not allowed while the Director is RUNNING" in refused(orchestra.director.Check)
    assert orchestra.ended() == "ON"
