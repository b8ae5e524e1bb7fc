"""What both Tango devices do when they start, at Init and when they end."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from tango import DevState
from tango.server import Device

from donki.device.commands import set_points
from donki.device.configured import Configured
from donki.device.init_turn import InitTurn
from donki.device.log import DeviceLog
from donki.device.publisher import Changed, Publisher
from donki.device.set_points import show_set_points
from donki.device.tango_text import carried_status
from donki.threads import Threads


class DonkiDevice(Configured, Device):
    """A device that starts whatever happens: what keeps it from that is in Status, and Init tries again.

    PyTango carries no exception out of ``init_device``: the server would not start, and who calls Init would
    be told of an ``UNKNOWN CORBA system exception``.

    Attributes
    ----------
    changed
        is set by whatever changes what an attribute shows
    asked
        is set at each request
    """

    _init_failure = ""
    _closing = ExitStack()

    def __init__(self, *args: Any) -> None:
        self._turn = InitTurn()
        self.changed, self.asked = Changed(), Changed()
        super().__init__(*args)
        self.add_version_info("DonkiOrchestra", version("donkiorchestra"))

    def _begin(self) -> None:
        """Restore what is memorized, and make all that the device needs.

        `_log` and `_threads` are there; `_closing` takes what is to be called at the end.
        """
        raise NotImplementedError

    def _state(self) -> DevState:
        """Return the state of a device that could begin."""
        raise NotImplementedError

    def _status(self) -> str:
        """Return what that state means."""
        raise NotImplementedError

    def init_device(self) -> None:
        """Apply the properties, restore what is memorized, and begin."""
        with self._turn.initialising():
            self._log = logging.Logger(self.get_name())
            self._threads = Threads(self._log)
            self._log.addHandler(DeviceLog(self, self._threads))
            self._closing = ExitStack()
            self._init_failure = ""
            try:
                super().init_device()
                self._begin()
                show_set_points(self, set_points(self))
            except Exception as error:  # noqa: BLE001 - nobody else could tell
                self._init_failure = f"Init: {self._threads.caught('Init', error)}; mend it, then Init"
                self._close_all()
                shown = {"State": self.shown_state, "Status": self.shown_status}
                self._closing.callback(Publisher(self, shown, self.changed, self.asked, self._threads).end)

    def server_init_hook(self) -> None:
        """Show the set points again: Tango has shown what is memorized since `init_device`."""
        if not self._init_failure:
            show_set_points(self, set_points(self))

    def always_executed_hook(self) -> None:
        """Let the publisher see who follows."""
        self.asked.set()

    def delete_device(self) -> None:
        """Close what there is, when the server ends or Init is called."""
        with self._turn.deleting(self):
            self._close_all()
            for handler in self._log.handlers:
                handler.close()
        super().delete_device()

    def _close_all(self) -> None:
        with self._threads.guard("close"):
            self._closing.close()

    @property
    def problems(self) -> list[str]:
        """What keeps the device from its work, a line each, with its remedy."""
        return [self._init_failure] if self._init_failure else super().problems

    def shown_state(self) -> DevState:
        """Return the state; never waits. For the publisher: PyTango makes a span of each `dev_state`."""
        return DevState.FAULT if self._init_failure else self._state()

    def shown_status(self) -> str:
        """Return what the state means; for the publisher, as `shown_state`."""
        return carried_status(self._init_failure or self._status())

    def dev_state(self) -> DevState:
        """Return the state; never waits."""
        return self.shown_state()

    def dev_status(self) -> str:
        """Return what the state means."""
        return self.shown_status()
