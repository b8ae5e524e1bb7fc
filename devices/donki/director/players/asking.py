"""How Players are asked: each by itself, or those of one server by one call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

import tango

from donki.device.calls import open_proxy, read_attributes, tell
from donki.device.errors import has_no_answer, is_unreachable, message_of, timed_out
from donki.director.players.attributes import read_attributes_text, read_lines
from donki.director.players.entry import ASKED, MISSING, RosterEntry
from donki.director.players.server_call import ServerAnswer, call_server
from donki.errors import AnswerError, DonkiError
from donki.threads import Threads

#: How long a Player may take to say what it is, and the database who there is, in s.
PATIENCE = 0.8

#: How long a Player may take to check its topics and files, in s; it waits 2 s for a broker.
CHECK_PATIENCE = 2.3


def by_server(entries: Iterable[RosterEntry]) -> list[tuple[RosterEntry, ...]]:
    """Return Players in groups that can be asked by one call: those of one server.

    One of which that is not known, or that did not answer, stands alone.
    """
    servers: dict[str, list[RosterEntry]] = {}
    for entry in entries:
        server = "" if entry.state == "UNKNOWN" else entry.server
        servers.setdefault(server or entry.device, []).append(entry)
    return [tuple(group) for group in servers.values()]


class Asking:
    """Asks Players, and keeps the way to each.

    Parameters
    ----------
    threads
        where what goes wrong in threads is said
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._proxies: dict[str, tango.DeviceProxy] = {}

    def proxy(self, device: str) -> tango.DeviceProxy:
        """Return a proxy of a Player that answers at once."""
        if device not in self._proxies:
            self._proxies[device] = open_proxy(device, PATIENCE)
        return self._proxies[device]

    def forget(self, device: str) -> None:
        """Look for a Player again when it is asked the next time."""
        self._proxies.pop(device, None)

    def keep(self, devices: Iterable[str]) -> None:
        """Forget all but these."""
        for gone in set(self._proxies).difference(devices):
            self.forget(gone)

    def read(self, devices: tuple[str, ...]) -> dict[str, Mapping[str, object] | str]:
        """Return what Players of one server say of themselves, by attribute; or why one does not."""
        with tango.EnsureOmniThread():
            if len(devices) == 1:
                return {devices[0]: self._read_alone(devices[0])}
            told: dict[str, Mapping[str, object] | str] = {}
            for answer in self._call(devices, "Read", json.dumps(ASKED), PATIENCE):
                told[answer.device] = self._read_from(answer)
            return told

    def check(self, devices: tuple[str, ...]) -> dict[str, list[str]]:
        """Return what prevents the start of Players of one server, one finding per line."""
        with tango.EnsureOmniThread():
            if len(devices) == 1:
                return {devices[0]: _check_alone(devices[0])}
            found = {}
            for answer in self._call(devices, "Check", "", CHECK_PATIENCE):
                try:
                    found[answer.device] = [answer.why] if answer.error else read_lines(answer.text)
                except AnswerError as wrong:
                    found[answer.device] = [str(wrong)]
            return found

    def tell(self, entries: Sequence[RosterEntry], command: str, argument: str) -> None:
        """Call a command of Players of one server that takes a string and is answered at once.

        Raises
        ------
        DonkiError
            what the first says that refuses, or why it does not answer
        """
        if len(entries) > 1:
            names = {entry.device: entry.name for entry in entries}
            for answer in self._call(list(names), command, argument, PATIENCE):
                if answer.error:
                    raise _refused(names[answer.device], answer.why)
            return
        try:
            tell(self.proxy(entries[0].device), command, argument)
        except tango.DevFailed as error:
            raise _refused(entries[0].name, message_of(error)) from None

    def _call(
        self, devices: Sequence[str], command: str, argument: str, limit: float
    ) -> Iterator[ServerAnswer]:
        reach = cache(partial(open_proxy, devices[0], limit))
        return call_server(reach, command, argument, devices, limit)

    def _read_from(self, answer: ServerAnswer) -> Mapping[str, object] | str:
        error = answer.error
        if error is None:
            try:
                return read_attributes_text(answer.text)
            except AnswerError as wrong:
                return str(wrong)
        if isinstance(error, tango.DevFailed) and not has_no_answer(error):
            # It is in another server, or in one of an earlier version, which cannot be called for several.
            return self._read_alone(answer.device)
        return answer.why

    def _read_alone(self, device: str) -> Mapping[str, object] | str:
        was_known = device in self._proxies
        try:
            try:
                return read_attributes(self.proxy(device), ASKED, MISSING)
            except tango.DevFailed as error:
                self.forget(device)
                if not was_known or not is_unreachable(error) or timed_out(error):
                    raise
                # Its server may have been started again since.
                return read_attributes(self.proxy(device), ASKED, MISSING)
        except tango.DevFailed as error:
            self.forget(device)
            return message_of(error)
        except BaseException as error:  # noqa: BLE001 - of this Player, and of no other
            return f"the Director failed at it: {self._threads.caught(f'roster, {device}', error)}"


def _check_alone(device: str) -> list[str]:
    try:
        return read_lines(open_proxy(device, CHECK_PATIENCE).command_inout("Check"))
    except tango.DevFailed as error:
        return [message_of(error)]
    except AnswerError as error:
        return [str(error)]


def _refused(name: str, said: str) -> DonkiError:
    who = f"Player {name}"
    # A Player of ours may name itself.
    return DonkiError(said if said.startswith(who) else f"{who}: {said}")
