"""The roster: which Players there are, and what each says of itself."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import tango

from donki.devfailed import message_of
from donki.errors import DonkiError, InputError
from donki.policy import OnError
from donki.priority import check_priority

ASKED = [
    *("Priority", "Timeout", "OnError", "Retries", "Script", "ScriptHash", "Parameters"),
    *("State", "Status"),
]

PLAYER_CLASS = "DonkiPlayer"

#: How long a Player may take to say what it is, in ms.
PATIENCE = 1000


#: How long a Player may take to check its topics and files, in ms; it waits 2 s for a broker.
CHECK_PATIENCE = 2_300


@dataclass(frozen=True)
class Entry:
    """A Player on the roster.

    Attributes
    ----------
    name
        the last part of the device name
    device
        the device name, as a proxy is opened with it
    priority, timeout, on_error, retries, script, script_hash, parameters
        as the Player last said; the timeout in s
    state
        Tango's name of the Player's state; UNKNOWN where it does not answer
    status
        what the state means, or why the Player does not answer
    """

    name: str
    device: str
    priority: int = 0
    timeout: float = 60.0
    on_error: OnError = OnError.ABORT
    retries: int = 0
    script: str = ""
    script_hash: str = ""
    parameters: str = "{}"
    state: str = "UNKNOWN"
    status: str = ""


class Roster:
    """Finds the Players in the Tango database, or by their full names without one, and asks them.

    Parameters
    ----------
    patterns
        names or patterns (``donki/player/*``) of devices of class DonkiPlayer in the Tango database, or full
        names ``tango://host:port/a/b/c#dbase=no``
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
        self._entries: dict[str, Entry] = {}
        self._proxies: dict[str, tango.DeviceProxy] = {}
        self._asking = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="roster")

    @property
    def entries(self) -> list[Entry]:
        """The Players as they were when they were last asked, by name."""
        return sorted(self._entries.values(), key=lambda entry: (entry.name, entry.device))

    def refresh(self) -> list[Entry]:
        """Find the Players, ask each of them and return the roster.

        A Player that does not answer stays on the roster with the state UNKNOWN. Takes no longer than a few
        seconds, whoever is silent.

        Raises
        ------
        DonkiError
            if the database is needed and does not answer
        """
        with self._asking:
            devices = self._find()
            self._entries = {entry.device: entry for entry in self._pool.map(self._ask, devices)}
            for gone in set(self._proxies) - set(devices):
                del self._proxies[gone]
        return self.entries

    def lived_through(self, run_id: str) -> set[str]:
        """Return the names of the Players that played a run and know what they have done in it."""
        lived = set()
        for entry in self.entries:
            if entry.state != "UNKNOWN":
                try:
                    run = json.loads(self._proxy(entry.device).read_attribute("Run").value)
                except tango.DevFailed:
                    continue
                if run["id"] == run_id:
                    lived.add(entry.name)
        return lived

    def check(self, names: Container[str]) -> list[str]:
        """Ask these Players what stands in their way, all at once; one line a finding."""
        entries = [entry for entry in self.entries if entry.name in names]
        return [line for lines in self._pool.map(_check, entries) for line in lines]

    def find(self, name: str) -> Entry:
        """Return the Player of that name or device name.

        Raises
        ------
        InputError
            naming the Players there are
        """
        found = [
            entry for entry in self.entries if name.lower() in (entry.name.lower(), entry.device.lower())
        ]
        if len(found) == 1:
            return found[0]
        known = ", ".join(entry.name for entry in self.entries) or "none"
        if found:
            devices = ", ".join(entry.device for entry in found)
            raise InputError(f"Player {name}: there are several, {devices}; give the device name")
        raise InputError(f"Player {name}: unknown; the Players found are: {known}")

    def set_priority(self, name: str, priority: int) -> Entry:
        """Write a Player's priority; one that is not running finds it in the database when it starts.

        Raises
        ------
        InputError
            for an unknown Player or a wrong priority
        DonkiError
            if the priority can be kept nowhere
        """
        entry = self.find(name)
        check_priority(priority)
        try:
            proxy = self._proxy(entry.device)
            # A write alone to a device that was never reached raises a TypeError in PyTango.
            proxy.ping()
            proxy.write_attribute("Priority", priority)
        except tango.DevFailed as error:
            self._proxies.pop(entry.device, None)
            if "://" in entry.device or entry.state != "UNKNOWN":
                raise DonkiError(f"Player {entry.name}: {message_of(error)}") from None
            _remember_priority(entry.device, priority)
        changed = replace(entry, priority=priority)
        self._entries[entry.device] = changed
        return changed

    def close(self) -> None:
        """Ask nobody any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _find(self) -> list[str]:
        full = [pattern for pattern in self._patterns if "://" in pattern]
        wanted = [pattern.lower() for pattern in self._patterns if "://" not in pattern]
        if not wanted:
            return full
        try:
            database = tango.Database()
            exported = [str(device) for device in database.get_device_exported_for_class(PLAYER_CLASS)]
        except tango.DevFailed as error:
            raise DonkiError(f"the Tango database does not answer: {error.args[0].desc}") from None
        found = [device for device in exported if any(fnmatch.fnmatch(device.lower(), p) for p in wanted)]
        named = [name for name in wanted if "*" not in name and name not in map(str.lower, found)]
        return [*full, *found, *named]

    def _proxy(self, device: str) -> tango.DeviceProxy:
        if device not in self._proxies:
            proxy = tango.DeviceProxy(device)
            proxy.set_timeout_millis(PATIENCE)
            proxy.set_transparency_reconnection(False)
            self._proxies[device] = proxy
        return self._proxies[device]

    def _ask(self, device: str) -> Entry:
        entry = self._entries.get(device) or Entry(_short_name(device), device)
        with tango.EnsureOmniThread():
            try:
                answers = self._proxy(device).read_attributes(ASKED)
                said = {answer.name: answer.value for answer in answers}
            except tango.DevFailed as error:
                self._proxies.pop(device, None)
                return replace(entry, state="UNKNOWN", status=message_of(error))
        return replace(
            entry,
            priority=int(said["Priority"]),
            timeout=float(said["Timeout"]),
            on_error=OnError(said["OnError"]),
            retries=int(said["Retries"]),
            script=said["Script"],
            script_hash=said["ScriptHash"],
            parameters=said["Parameters"],
            state=str(said["State"]),
            status=said["Status"],
        )


def _check(entry: Entry) -> list[str]:
    with tango.EnsureOmniThread():
        try:
            proxy = tango.DeviceProxy(entry.device)
            proxy.set_timeout_millis(CHECK_PATIENCE)
            proxy.set_transparency_reconnection(False)
            lines = proxy.command_inout("Check")
        except tango.DevFailed as error:
            lines = [message_of(error)]
    return [f"Player {entry.name}: {line}" for line in lines]


def _short_name(device: str) -> str:
    return device.partition("#")[0].rpartition("/")[2]


def _remember_priority(device: str, priority: int) -> None:
    """Write the priority where Tango keeps memorized attributes, for when the Player starts again."""
    try:
        tango.Database().put_device_attribute_property(device, {"Priority": {"__value": [str(priority)]}})
    except tango.DevFailed as error:
        raise DonkiError(
            f"Player {device} does not run and the Tango database does not answer: {message_of(error)}"
        ) from None
