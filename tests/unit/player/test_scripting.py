"""The one module that action scripts import types from."""

from __future__ import annotations

from donki import scripting
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.schemas import SCHEMAS


def test_it_has_all_that_a_script_gets():
    streams = {stream for stream in SCHEMAS.values() if stream.__module__.startswith("donki.")}
    assert streams
    assert {getattr(scripting, name) for name in scripting.__all__} >= {*streams, Player, Run, Trigger}
