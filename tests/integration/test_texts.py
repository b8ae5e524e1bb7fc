"""Random texts through every text that leaves a device: all stays readable, and events go on.

``DONKI_CASES`` says how many texts are tried.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
import tango

from donki.device.tango_text import carried, carried_status
from donki_client import Director
from donki_client.api.proxy import Proxy
from helpers.orchestra import an_orchestra
from helpers.support import wait_until

CASES = int(os.environ.get("DONKI_CASES", "40"))
SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(
        facility, tmp_path_factory.mktemp("texts"), "texts", "x", script=SCRIPTS / "texts.py"
    ) as orchestra:
        orchestra.director.Triggers = 1
        orchestra.refresh()
        yield orchestra


def some_text(rng: random.Random) -> str:
    """Return a text of a letter that marks it, and letters from anywhere."""
    ranges = [(0, 0x20), (0x20, 0x7F), (0x7F, 0x100), (0x100, 0x3000), (0xD800, 0xE000), (0x1F300, 0x1F700)]
    letters = [chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(1, 20))]
    return "x" + "".join(letters) + "x"


def in_line(text: str) -> str:
    return " ".join(text.split())


def test_every_text_arrives_as_tango_can_carry_it(orchestra):
    rng = random.Random(int(os.environ.get("DONKI_SEED", "1")))
    player, director = orchestra.players["x"], orchestra.director
    heard = {"lastlog": [], "status": [], "lasttrigger": []}

    def hear(event):
        name = event.attr_name.rsplit("/", 1)[-1].lower()
        heard[name].append(event.attr_value.value if not event.err else event.errors[0].desc)

    ids = [player.subscribe_event(name, tango.EventType.CHANGE_EVENT, hear) for name in heard]
    try:
        for _ in range(CASES):
            text = some_text(rng)
            player.Parameters = json.dumps({"log": list(map(ord, text))})
            if orchestra.play(1) == "FAULT":
                director.Reset()
            assert player.LastLog == carried(text)
            wait_until("LastLog is heard of", lambda text=text: carried(text) in heard["lastlog"])
            player.Parameters = json.dumps({"error": list(map(ord, text))})
            assert orchestra.play(1) == "FAULT"
            assert in_line(carried(text)) in in_line(director.LastError)
            assert carried_status(in_line(carried(text))) in in_line(director.Status())
            # It may still be leaving the run.
            wait_until(
                "its Status tells",
                lambda text=text: in_line(carried_status(text)) in in_line(player.Status()),
            )
            director.Reset()
            wait_until(
                "Status is heard of",
                lambda text=text: any(
                    in_line(carried_status(text)) in in_line(said) for said in heard["status"]
                ),
            )
            with pytest.raises(tango.DevFailed) as raised:
                player.Trigger(json.dumps(text))
            assert raised.value.args[0].reason.startswith("Donki_")
    finally:
        for number in ids:
            player.unsubscribe_event(number)


def test_what_a_client_writes_is_read_back(orchestra):
    director = orchestra.director
    for text in ("20 °C", "Å µ ñ", "two\nlines", "\x1b[31m"):
        director.RunTitle = text
        assert director.RunTitle == text
    director.RunTitle = ""
    director.RunMetadata = json.dumps({"sample": "λ 20 °C x"})
    assert json.loads(director.RunMetadata) == {"sample": "λ 20 °C x"}
    director.RunMetadata = "{}"


def test_our_clients_show_the_right_letters(orchestra):
    player = orchestra.players["x"]
    player.Parameters = json.dumps({"error": list(map(ord, "λ at 20 °C"))})
    assert orchestra.play(1) == "FAULT"
    name = f"tango://{orchestra.facility.database.tango_host}/{orchestra.director_server.device}"
    assert "? at 20 °C" in Director(name).last_error
    assert "? at 20 ?C" in Proxy(name).status()
    orchestra.director.Reset()


def test_a_server_writes_its_log_as_a_terminal_reads_it(orchestra):
    player = orchestra.players["x"]
    player.Parameters = json.dumps({"log": list(map(ord, "λ at 20 °C"))})
    device = player.dev_name()
    player.add_logging_target(f"file::{orchestra.folder / 'x.log'}")
    player.set_logging_level(4)
    assert orchestra.play(1) == "ON"
    log = orchestra.folder / "x.log"
    wait_until("it is in the log", lambda: "λ at 20 °C" in log.read_text(errors="replace"), 10)
    assert device in log.read_text(errors="replace")
