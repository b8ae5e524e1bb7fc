"""The devices in itango, Tango's own shell, as a user types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.orchestra import an_orchestra

LIMIT = 90.0

TYPED = """\
d = Device("donki/director/itango")
d
d.get_attribute_config("CurrentTrigger").label
d.command_query("Start").in_type_desc
d.Triggers = 3
d.Start()
import time; end = time.monotonic() + 20
while d.state() == DevState.RUNNING and time.monotonic() < end: time.sleep(0.05)

print(f"played {d.CurrentTrigger} of {d.Triggers}, {d.Progress:g} %")
d.state()
d.status()
d.Triggers = 0
d.Stop()
p = Device("donki/player/itango-a")
p.OnError
p.OnError = "SKIP"
p.OnError
d.SetPriority([[2], ["itango-a"]])
print(f"the priority is {p.Priority}")
lsdev
"""


@pytest.fixture(scope="module")
def said(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("itango")
    environment = {
        **os.environ,
        "TANGO_HOST": facility.database.tango_host,
        "IPYTHONDIR": str(folder / "ipython"),
    }
    with an_orchestra(facility, folder, "itango", "a", "b") as orchestra:
        orchestra.refresh()
        itango = Path(sys.executable).with_name("itango")
        done = subprocess.run(
            [itango, "--no-banner", "--colors=NoColor", "--simple-prompt"],
            input=TYPED,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    said = done.stdout + done.stderr
    print(said)
    return said


def test_a_sequence_is_played_by_hand(said):
    assert "played 3 of 3, 100 %" in said
    assert "<DevState.ON: 0>" in said
    assert "'ready; 2 Players found'" in said


def test_a_device_is_shown_by_class_and_name(said):
    assert re.search(r"Out\[\d+\]: DonkiDirector\(donki/director/itango\)", said)
    assert re.search(r"donki/player/itango-b +DonkiPlayer/itango-b +DonkiPlayer", said)


def test_labels_and_help_are_read(said):
    assert "'Current trigger'" in said
    assert "'Set the Players up and send the sequence of triggers.'" in said


def test_a_mistake_is_answered_in_one_line(said):
    assert "Donki_InputError: Triggers: a whole number from 1 to 999999999999, or -1 for endless" in said
    assert "Donki_NotAllowedError: Stop is not allowed while the Director is ON" in said
    assert "Traceback" not in said


def test_a_policy_is_a_word(said):
    assert said.index("<OnError.ABORT: 0>") < said.index("<OnError.SKIP: 1>")


def test_a_priority_set_at_the_director_is_the_player_s(said):
    assert "the priority is 2" in said
