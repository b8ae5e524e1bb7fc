"""Init while the Tango database is dead: the devices keep what they had, and say what to do."""

from __future__ import annotations

import pytest

from helpers.brokers import EmbeddedBroker, new_broker
from helpers.chaos.stage import DATABASE, DIRECTOR, UNREAD, Stage
from helpers.support import refused, wait_until


@pytest.mark.timeout(180)
def test_an_init_without_the_database_keeps_what_there_was_until_the_next(tmp_path):
    with new_broker(EmbeddedBroker.kind) as broker, Stage(tmp_path, broker) as stage:
        director, player = devices = stage.proxy(DIRECTOR), stage.proxy("a")
        director.Triggers, player.Timeout = 7, 5.5
        journal, script = director.JournalFile, player.Script
        stage.kill(DATABASE)
        for device in devices:
            device.Init()
            wait_until("it says so", lambda device=device: str(device.state()) == "FAULT")
            assert UNREAD in device.status()
            assert "Init when it can" in device.status()
            assert "Init when it can" in refused(device.Start)
        stage.start(DATABASE)
        stage.wait_ready(DATABASE)
        stage.mend()
        stage.initialise_unread(player)
        for device in devices:
            wait_until("it is ready", lambda device=device: str(device.state()) == "ON")
            assert UNREAD not in device.status()
        assert (director.Triggers, director.JournalFile) == (7, journal)
        assert (player.Timeout, player.Script) == (5.5, script)
