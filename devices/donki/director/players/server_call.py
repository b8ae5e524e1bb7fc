"""A command for several Players of one server, in one call; their answers come as they are given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import tango

from donki.device.calls import call_texts
from donki.device.errors import dev_failed, message_of, timed_out
from donki.errors import AnswerError, shown


class ServerAnswer(NamedTuple):
    """What a Player answered to a call for several.

    Attributes
    ----------
    device
        as it was called
    error
        what went wrong; None where it did as asked
    text
        what its command returned
    given
        when it was given, ns of the monotonic clock
    """

    device: str
    error: tango.DevFailed | AnswerError | None
    text: str
    given: int

    @property
    def why(self) -> str:
        """What went wrong, in words."""
        return message_of(self.error) if isinstance(self.error, tango.DevFailed) else str(self.error or "")


@lru_cache(maxsize=4096)
def plain_name(device: str) -> str:
    """Return a device's name as its own server knows it: without database, host and port."""
    return "/".join(device.partition("#")[0].rsplit("/", 3)[-3:])


def call_server(
    reach: Callable[[], tango.DeviceProxy],
    command: str,
    argument: str,
    devices: Iterable[str],
    limit: float,
) -> Iterator[ServerAnswer]:
    """Have Players of one server carry out a command side by side; give their answers as they come.

    Each of them is given an answer, if only why there is none.

    Parameters
    ----------
    reach
        returns a proxy of any Player of the server
    command, argument
        as the command CallPlayers takes them
    devices
        the Players
    limit
        how long none of them may answer, in s
    """
    waiting = {plain_name(device).lower(): device for device in devices}
    ident, seen = uuid.uuid4().hex, 0
    request, argin = "CallPlayers", [ident, command, argument, *map(plain_name, waiting.values())]
    until = time.monotonic() + limit
    while waiting:
        try:
            answers = _read(call_texts(reach(), request, argin), waiting)
        except (tango.DevFailed, AnswerError) as error:
            if not (isinstance(error, tango.DevFailed) and timed_out(error)) or time.monotonic() > until:
                yield from _failed(waiting.values(), error)
                return
            answers = []
        for answer in answers:
            del waiting[plain_name(answer.device).lower()]
            yield answer
        seen += len(answers)
        now = time.monotonic()
        if answers:
            until = now + limit
        elif now > until:
            silent = dev_failed("API_DeviceTimedOut", "Timeout: the Player does not answer", command)
            yield from _failed(waiting.values(), silent)
            return
        request, argin = "AwaitPlayers", [ident, str(seen)]


def _read(texts: Sequence[str], waiting: Mapping[str, str]) -> list[ServerAnswer]:
    now, answers = time.monotonic_ns(), []
    try:
        for name, reason, text, age in zip(*[iter(texts)] * 4, strict=True):
            error = dev_failed(reason, text, name) if reason else None
            answers.append(ServerAnswer(waiting[name.lower()], error, text, now - int(age)))
    except (KeyError, ValueError):
        raise AnswerError(
            f"what its server answers cannot be read, it may be of another version; got {shown(texts, 200)}"
        ) from None
    return answers


def _failed(devices: Iterable[str], error: tango.DevFailed | AnswerError) -> Iterator[ServerAnswer]:
    now = time.monotonic_ns()
    for device in devices:
        yield ServerAnswer(device, error, "", now)
