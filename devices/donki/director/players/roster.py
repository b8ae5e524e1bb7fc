"""The roster: which Players there are, and what each says of itself."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import tango

from donki.device.calls import players_in_database, remember_attribute, servers_in_database, write_attribute
from donki.device.errors import is_unreachable, message_of, timed_out
from donki.director.players.asking import CHECK_PATIENCE, PATIENCE, Asking, by_server
from donki.director.players.entry import RosterEntry, entry_from, short_name
from donki.director.players.inquiry import Inquiry
from donki.errors import DonkiError, InputError
from donki.limits import check_priority
from donki.threads import Threads

Told = TypeVar("Told")

PLAYER_CLASS = "DonkiPlayer"

#: What plays: a Player, and a section, which is a Director besides.
PLAYER_CLASSES = (PLAYER_CLASS, "DonkiSection")

#: What makes a name a pattern.
_WILD = frozenset("*?[")

#: What is said of one that does not answer in time.
_SILENT = "does not answer (timed out)"


class Roster:
    """Finds the Players in the Tango database, or by their full names without one, and asks them.

    Parameters
    ----------
    patterns
        names or patterns (``donki/player/*``) of devices that play in the Tango database, or full
        names ``tango://host:port/a/b/c#dbase=no``
    threads
        where what goes wrong in threads is said
    """

    def __init__(self, patterns: Sequence[str], threads: Threads) -> None:
        given = [pattern.strip() for pattern in patterns if pattern.strip()]
        self._full = [pattern for pattern in given if "://" in pattern]
        wanted = dict.fromkeys(pattern.lower() for pattern in given if "://" not in pattern)
        self._names = [name for name in wanted if not _WILD.intersection(name)]
        self._patterns = [pattern for pattern in wanted if _WILD.intersection(pattern)]
        self._entries: dict[str, RosterEntry] = {}
        self._refreshing = threading.Lock()
        self._changing = threading.Lock()
        self._new_priorities: dict[str, int] = {}
        self._exported = Inquiry(players_in_database, PATIENCE)
        self._servers: dict[str, str] = {}
        self._placed = Inquiry(partial(servers_in_database, found=self._servers), PATIENCE)
        self._asking = Asking(threads)
        self._said = Inquiry(self._asking.read, PATIENCE)
        self._checked = Inquiry(self._asking.check, CHECK_PATIENCE)

    @property
    def entries(self) -> list[RosterEntry]:
        """The Players as they were when they were last asked, by name."""
        return sorted(self._entries.values(), key=lambda entry: (entry.name, entry.device))

    def refresh(self) -> list[RosterEntry]:
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
            said = _together(self._said(self._groups(devices)))
            entries = {device: self._entry(device, said.get(device, _SILENT)) for device in devices}
            with self._changing:
                # What was asked before a priority was set does not undo it.
                for device, priority in self._new_priorities.items():
                    if device in entries:
                        entries[device] = replace(entries[device], priority=priority)
                self._entries = entries
            self._asking.keep(devices)
        return self.entries

    def survivors_of(self, run_id: str) -> set[str]:
        """Return the names of the Players that played a run and know what they have done in it."""
        return {entry.name for entry in self.entries if entry.state != "UNKNOWN" and entry.run_id == run_id}

    def check(self, names: Container[str]) -> list[str]:
        """Ask these Players what prevents their start, all at once; one finding per line."""
        entries = [entry for entry in self.entries if entry.name in names]
        found = _together(self._checked(self._groups(entry.device for entry in entries)))
        return [
            f"Player {entry.name}: {line}" for entry in entries for line in found.get(entry.device, [_SILENT])
        ]

    def find(self, name: str) -> RosterEntry:
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

    def latest(self, entry: RosterEntry) -> RosterEntry:
        """Return what a Player said last; it may be on the roster no more."""
        return self._entries.get(entry.device, entry)

    def set_priority(self, name: str, priority: int) -> RosterEntry:
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
        if any(entry.device in group for group in self._said.silent):
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

    def tell(self, entries: Sequence[RosterEntry], command: str, argument: str) -> None:
        """Call a command of Players of one server, as `Asking.tell` does."""
        self._asking.tell(entries, command, argument)

    def close(self) -> None:
        """Ask nobody any more."""
        for inquiry in (self._exported, self._placed, self._said, self._checked):
            inquiry.close()

    def _find(self) -> list[str]:
        if not self._names and not self._patterns:
            return self._full
        try:
            told = self._exported(PLAYER_CLASSES)
        except tango.DevFailed as error:
            raise DonkiError(f"the Tango database does not answer: {error.args[0].desc}") from None
        if len(told) < len(PLAYER_CLASSES):
            raise DonkiError(f"the Tango database does not answer within {PATIENCE:g} s")
        exported = {device.lower(): device for devices in told.values() for device in devices}
        # A thousand Players are named one by one: each is looked up once.
        found = {name: exported[name] for name in self._names if name in exported}
        for pattern in self._patterns:
            found |= {name: exported[name] for name in fnmatch.filter(exported, pattern)}
        # The Players of others are none of this Director's business.
        if not self._entries.keys() >= set(found.values()):
            with suppress(tango.DevFailed):
                self._placed([PLAYER_CLASS])
        return [*self._full, *found.values(), *(name for name in self._names if name not in found)]

    def _groups(self, devices: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the devices that can be asked by one call, those of one server; the others each alone."""
        entries = [self._known(device) for device in devices]
        return [tuple(entry.device for entry in group) for group in by_server(entries)]

    def _known(self, device: str) -> RosterEntry:
        known = self._entries.get(device)
        # Until it has said so itself, the database tells in which server it is.
        server = self._servers.get(device.lower(), "")
        return known or RosterEntry(short_name(device), device, state="", server=server)

    def _entry(self, device: str, told: Mapping[str, object] | str) -> RosterEntry:
        """Return a Player as it tells, or with the reason why it does not."""
        if isinstance(told, str):
            return replace(self._known(device), state="UNKNOWN", status=told)
        return entry_from(self._known(device), told)

    def _write_priority(self, entry: RosterEntry, priority: int) -> None:
        try:
            write_attribute(self._asking.proxy(entry.device), "Priority", priority)
        except tango.DevFailed as error:
            self._asking.forget(entry.device)
            runs = not is_unreachable(error) or timed_out(error)
            if runs or "://" in entry.device:
                raise
            # One that does not run takes up its memorized priority when it starts.
            remember_attribute(entry.device, "Priority", str(priority))


def _together(told: Mapping[tuple[str, ...], Mapping[str, Told]]) -> dict[str, Told]:
    return {device: said for group in told.values() for device, said in group.items()}
