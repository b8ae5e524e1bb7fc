"""Messages whose bytes a script makes are noted, kept and checked as any other, with faults and without."""

import h5py
import pytest

from donki.streams.faults.kinds import KINDS
from helpers.donki_command import Command
from helpers.orchestra import SCRIPTS
from helpers.support import free_port

SETTINGS = {"clock_offset": ", offset: 2", "clock_jump": ", offset: -3"}


def play(folder, broker, topic, faults=""):
    path = folder / "messages.yaml"
    path.write_text(
        f"triggers: 20\nseed: 5\nhdf5: files\nbroker: {broker}\nplayers:\n  p:\n"
        f"    script: {SCRIPTS / 'messages.py'}\n    parameters: {{topic: {topic}}}\n{faults}"
    )
    command = Command(folder / "data")
    done = command.run("run", str(path))
    assert done.returncode == 0, done
    [file] = (folder / "files").iterdir()
    return command, file


@pytest.fixture(params=["whole", "faulty"])
def faults(request):
    rules = [f"      - {{kind: {kind}, rate: 0.1{SETTINGS.get(kind, '')}}}\n" for kind in KINDS]
    return "    faults:\n" + "".join(rules) if request.param == "faulty" else ""


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_run_of_messages_agrees_and_a_damaged_one_does_not(broker, tmp_path, faults):
    topic = f"messages-{free_port()}"
    command, file = play(tmp_path, broker.address, topic, faults)
    done = command.run("check-data")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "all that the journal lists is there, and nothing else" in done.stdout

    with h5py.File(file, "r+") as content:
        raw = content["entry/instrument/raw"]
        assert list(raw["cue_index"]) == list(range(0, 2000, 100))
        raw["payload"][407] ^= 1
    done = command.run("check-data")
    assert done.returncode == 1
    assert "Player p, raw in its files: 1 message is missing: trigger 5, message 1" in done.stdout
