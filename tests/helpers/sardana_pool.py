"""A Sardana server for tests: a Pool, a MacroServer and a Door in one process, and what is typed at spock."""

from __future__ import annotations

import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import tango

from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Child
from donki_client.facility.servers import connect
from helpers.support import wait_until

#: Sardana reads the source of all its macros when it starts.
START_LIMIT = 60.0
ENDED = ("finish", "exception", "stop", "abort")


class Door:
    """Runs macros as spock does.

    Attributes
    ----------
    device
        the Door's device
    """

    def __init__(self, device: tango.DeviceProxy) -> None:
        self.device = device
        self._states: dict[str, str] = {}
        self._changed = threading.Condition()
        self._event = device.subscribe_event("MacroStatus", tango.EventType.CHANGE_EVENT, self._note)

    def close(self) -> None:
        self.device.unsubscribe_event(self._event)

    def _note(self, event: tango.EventData) -> None:
        if event.err or not event.attr_value.value[1]:
            return
        for status in json.loads(event.attr_value.value[1]):
            with self._changed:
                self._states[status["id"]] = status["state"]
                self._changed.notify_all()

    def begin(self, line: str) -> str:
        """Begin what is typed; return the macro's id."""
        [xml] = self.device.RunMacro(shlex.split(line))
        return re.search(r'id="([^"]+)"', xml)[1]

    def ended(self, macro: str, limit: float = 60.0) -> str:
        """Wait for the end of a macro, and return how it ended."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._states.get(macro) in ENDED, limit), "it does not end"
        wait_until("the Door is free", lambda: self.device.state() != tango.DevState.RUNNING)
        return self._states[macro]

    def run(self, line: str, limit: float = 60.0) -> str:
        """Run what is typed to its end, which must be a good one; return what it prints."""
        assert self.ended(self.begin(line), limit) == "finish", f"{line}: {self.errors}"
        return "\n".join(self.device.Output or ())

    def fails(self, line: str) -> str:
        """Run what is typed, which must fail; return why."""
        assert self.ended(self.begin(line)) == "exception"
        return self.errors

    @property
    def errors(self) -> str:
        return "\n".join([*(self.device.Error or ()), *(self.device.Critical or ())])

    def count(self, seconds: float) -> dict[str, float]:
        """Count as ``ct`` does, and return what its table says."""
        rows = re.findall(r"^ *(\w+) *= +([\d.]+)$", self.run(f"ct {seconds}"), re.MULTILINE)
        return {name: float(value) for name, value in rows}


@contextmanager
def a_sardana(facility: LocalFacility, folder: Path, name: str, **pool_properties: str) -> Iterator[Door]:
    """Start a Sardana server in a facility; it ends with the block."""
    devices = {"Pool": f"pool/{name}/1", "MacroServer": f"macroserver/{name}/1", "Door": f"door/{name}/1"}
    database = connect(facility.database)
    for kind, device in devices.items():
        entry = tango.DbDevInfo()
        entry.server, entry._class, entry.name = f"Sardana/{name}", kind, device
        database.add_device(entry)
    database.put_device_property(devices["Pool"], pool_properties)
    properties = {"PoolNames": devices["Pool"], "EnvironmentDb": str(folder / "environment")}
    database.put_device_property(devices["MacroServer"], properties)
    database.put_device_property(devices["Door"], {"MacroServerName": devices["MacroServer"]})
    child = Child(
        "Sardana",
        [sys.executable, "-m", "sardana.tango", name, "-ORBendPoint", "giop:tcp:127.0.0.1:"],
        folder / "Sardana.log",
        {"TANGO_HOST": facility.database.tango_host},
    )
    try:
        device = f"tango://{facility.database.tango_host}/{devices['Door']}"
        wait_until("Sardana answers", lambda: _answers(child, device), START_LIMIT)
        door = Door(tango.DeviceProxy(device))
        wait_until("the MacroServer knows the Pool", lambda: _knows_the_pool(door), START_LIMIT)
        yield door
        door.close()
    finally:
        child.kill()


def _knows_the_pool(door: Door) -> bool:
    """Return whether the MacroServer has learnt by events what the Pool has, and we hear its own."""
    with suppress(AssertionError, tango.DevFailed):
        return "Donki" in door.run("lsctrllib", 5.0)
    return False


def _answers(child: Child, device: str) -> bool:
    child.check_alive()
    try:
        return tango.DeviceProxy(device).ping() >= 0
    except tango.DevFailed:
        return False
