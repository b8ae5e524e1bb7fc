"""Device servers in which something can be made to fail, and runs played with them."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from itertools import cycle, product
from pathlib import Path

import tango

from donki_client.facility.processes import Child
from helpers.failing_device import ERRORS
from helpers.support import free_port, wait_until

SERVER = Path(__file__).with_name("failing_device.py")
SCRIPT = """
def action(trigger, player):
    player.log.info("trigger %s", trigger)
    player.wait(player.parameters.get("sleep", 0))
"""


def cases(what):
    """Return each with one exception in turn, or with every one where DONKI_CASES is set."""
    if "DONKI_CASES" in os.environ:
        return list(product(what, ERRORS))
    return list(zip(what, cycle(ERRORS), strict=False))


def quoted(*values):
    """Return a property as the file of a server without a database has it."""
    return ", ".join(f'"{value}"' for value in values)


class Device:
    """A device server of its own, in which something can be made to fail; others may share it."""

    def __init__(self, folder, kind, instance, properties, *followed, failing="", neighbours=()):
        port = free_port()
        names = [instance, *neighbours]
        self.name, *self.neighbours = (f"tango://127.0.0.1:{port}/a/b/{name}#dbase=no" for name in names)
        self.switch = folder / f"{instance}.switch"
        self.switch.write_text(failing)
        file = folder / f"{instance}.properties"
        server = {"director": "DonkiDirector", "player": "DonkiPlayer"}[kind]
        lines = [f"{server}/{instance}/DEVICE/{server}: {', '.join(f'a/b/{name}' for name in names)}"]
        lines += [f"a/b/{name}->{key}: {value}" for name in names for key, value in properties.items()]
        file.write_text("\n".join(lines) + "\n")
        command = [sys.executable, str(SERVER), f"donki.{kind}.device", str(self.switch), instance, "-v4"]
        command += [f"-file={file}", "-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
        self.child = Child(instance, command, folder / f"{instance}.log", {"TANGO_HOST": "127.0.0.1:1"})
        self.child.wait_for("Ready to accept request", 60)
        self.proxy = tango.DeviceProxy(self.name)
        # What nobody follows is not read for events.
        for name in ("State", *followed):
            self.proxy.subscribe_event(name, tango.EventType.CHANGE_EVENT, lambda _event: None)

    def fail(self, target, error):
        self.switch.with_suffix(".new").write_text(f"{target} {error}")
        self.switch.with_suffix(".new").rename(self.switch)

    def failed(self):
        return not self.switch.exists()

    @property
    def log(self):
        return self.child.log.read_text(errors="replace")


def play(director):
    """Play a run; return the State that it ends in, and why it was refused or failed."""
    try:
        director.Start()
    except tango.DevFailed as failed:
        return "FAULT", failed.args[0].desc
    wait_until("the run ends", lambda: str(director.state()) in ("ON", "ALARM", "FAULT"), 20)
    return str(director.state()), director.LastError


def plays_well(director, journal):
    """Play a run, and find it whole in the journal."""
    if str(director.state()) == "FAULT":
        director.Reset()
    wait_until("it is ready", lambda: not director.Check(), 20)
    assert play(director) == ("ON", "")
    run = director.RunId

    def whole():
        with closing(sqlite3.connect(journal)) as connection:
            return connection.execute(
                "SELECT outcome, (SELECT count(*) FROM trigger WHERE run = key) FROM run WHERE id = ?", (run,)
            ).fetchall()

    wait_until("it is in the journal", lambda: whole() == [("done", 3)])
