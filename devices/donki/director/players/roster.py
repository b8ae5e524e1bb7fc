"""The roster: which Players there are, and what each says of itself."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import tango

from donki.devfailed import is_lost, message_of, timed_out
from donki.director.inquiry import Inquiry
from donki.director.proxies import (
    open_proxy,
    players_in_database,
    read_attributes,
    remember_attribute,
    write_attribute,
)
from donki.errors import DonkiError, InputError
from donki.policy import OnError
from donki.priority import check_priority

ASKED = [
    *("Priority", "Timeout", "OnError", "Retries", "Script", "ScriptHash", "Parameters"),
    *("Run", "State", "Status"),
]

PLAYER_CLASS = "DonkiPlayer"

#: How long a Player may take to say what it is, and the database who there is, in s.
PATIENCE = 0.8

#: How long a Player may take to check its topics and files, in s; it waits 2 s for a broker.
CHECK_PATIENCE = 2.3

_SILENT = "does not answer (timed out)"


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
    run_id, director
        the run that it plays, or played last, and the device name of the Director that conducts it
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
    run_id: str = ""
    director: str = ""
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
        self._refreshing = threading.Lock()
        self._changing = threading.Lock()
        self._new_priorities: dict[str, int] = {}
        self._exported = Inquiry(players_in_database, PATIENCE)
        self._said = Inquiry(self._ask, PATIENCE)
        self._checked = Inquiry(_check, CHECK_PATIENCE)

    @property
    def entries(self) -> list[Entry]:
        """The Players as they were when they were last asked, by name."""
        return sorted(self._entries.values(), key=lambda entry: (entry.name, entry.device))

    def refresh(self) -> list[Entry]:
        """Find the Players, ask each of them and return the roster.

        A Player that does not answer in time stays on the roster with the state UNKNOWN. Takes no longer than
        a second or two, whoever is silent.

        Raises
        ------
        DonkiError
            if the database is needed and does not answer
        """
        with self._refreshing:
            devices = self._find()
            with self._changing:
                self._new_priorities.clear()
            said = self._said(devices)
            entries = {device: said.get(device) or self._silent(device) for device in devices}
            with self._changing:
                # What was asked before a priority was set does not undo it.
                for device, priority in self._new_priorities.items():
                    if device in entries:
                        entries[device] = replace(entries[device], priority=priority)
                self._entries = entries
            for gone in set(self._proxies) - set(devices):
                del self._proxies[gone]
        return self.entries

    def lived_through(self, run_id: str) -> set[str]:
        """Return the names of the Players that played a run and know what they have done in it."""
        return {entry.name for entry in self.entries if entry.state != "UNKNOWN" and entry.run_id == run_id}

    def check(self, names: Container[str]) -> list[str]:
        """Ask these Players what stands in their way, all at once; one line a finding."""
        entries = [entry for entry in self.entries if entry.name in names]
        found = self._checked(entry.device for entry in entries)
        return [
            f"Player {entry.name}: {line}" for entry in entries for line in found.get(entry.device, [_SILENT])
        ]

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
        raise InputError(f"Player {name:.80}: unknown; the Players found are: {known}")

    def latest(self, entry: Entry) -> Entry:
        """Return what a Player said last; it may be on the roster no more."""
        return self._entries.get(entry.device, entry)

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
        if self._said.is_silent(entry.device):
            raise DonkiError(f"Player {entry.name}: {_SILENT}")
        try:
            self._write_priority(entry, priority)
        except tango.DevFailed as error:
            raise DonkiError(f"Player {entry.name}: {message_of(error)}") from None
        with self._changing:
            changed = replace(self._entries.get(entry.device, entry), priority=priority)
            self._entries = {**self._entries, entry.device: changed}
            self._new_priorities[entry.device] = priority
        return changed

    def close(self) -> None:
        """Ask nobody any more."""
        for inquiry in (self._exported, self._said, self._checked):
            inquiry.close()

    def _find(self) -> list[str]:
        full = [pattern for pattern in self._patterns if "://" in pattern]
        wanted = [pattern.lower() for pattern in self._patterns if "://" not in pattern]
        if not wanted:
            return full
        try:
            exported = self._exported([PLAYER_CLASS]).get(PLAYER_CLASS)
        except tango.DevFailed as error:
            raise DonkiError(f"the Tango database does not answer: {error.args[0].desc}") from None
        if exported is None:
            raise DonkiError(f"the Tango database does not answer within {PATIENCE:g} s")
        found = [device for device in exported if any(fnmatch.fnmatch(device.lower(), p) for p in wanted)]
        named = [name for name in wanted if "*" not in name and name not in map(str.lower, found)]
        return [*full, *found, *named]

    def _proxy(self, device: str) -> tango.DeviceProxy:
        if device not in self._proxies:
            self._proxies[device] = open_proxy(device, PATIENCE)
        return self._proxies[device]

    def _known(self, device: str) -> Entry:
        return self._entries.get(device) or Entry(_short_name(device), device)

    def _silent(self, device: str) -> Entry:
        return replace(self._known(device), state="UNKNOWN", status=_SILENT)

    def _ask(self, device: str) -> Entry:
        with tango.EnsureOmniThread():
            try:
                said = dict(zip(ASKED, read_attributes(self._proxy(device), ASKED), strict=True))
            except tango.DevFailed as error:
                self._proxies.pop(device, None)
                return replace(self._known(device), state="UNKNOWN", status=message_of(error))
        run = json.loads(said["Run"])
        return Entry(
            _short_name(device),
            device,
            priority=int(said["Priority"]),
            timeout=float(said["Timeout"]),
            on_error=OnError(said["OnError"]),
            retries=int(said["Retries"]),
            script=said["Script"],
            script_hash=said["ScriptHash"],
            parameters=said["Parameters"],
            run_id=run["id"],
            director=run["director"],
            state=str(said["State"]),
            status=said["Status"],
        )

    def _write_priority(self, entry: Entry, priority: int) -> None:
        try:
            write_attribute(self._proxy(entry.device), "Priority", priority)
        except tango.DevFailed as error:
            self._proxies.pop(entry.device, None)
            runs = not is_lost(error) or timed_out(error)
            if runs or "://" in entry.device:
                raise
            # One that does not run takes up its memorized priority when it starts.
            remember_attribute(entry.device, "Priority", str(priority))


def _check(device: str) -> list[str]:
    with tango.EnsureOmniThread():
        try:
            return list(open_proxy(device, CHECK_PATIENCE).command_inout("Check"))
        except tango.DevFailed as error:
            return [message_of(error)]


def _short_name(device: str) -> str:
    return device.partition("#")[0].rpartition("/")[2]
