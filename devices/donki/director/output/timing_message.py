"""The times of one trigger as a da00 message, encoded by patching one buffer in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from streaming_data_types import serialise_da00
from streaming_data_types.dataarray_da00 import Variable

from donki.director.journal.reading.rows import OUTCOMES
from donki.director.rules.effects import Attempt, TriggerDone
from donki.director.rules.pace import SECOND

_NUMBERS = {outcome: number for number, outcome in OUTCOMES.items()}
_TIME = "datetime64[ns]"
_SCALARS = {"trigger": None, "reference_time": _TIME, "due": _TIME, "sent": _TIME, "done": _TIME}
_BY_PLAYER = {
    "signal": (np.float64, "s", "from sent to done"),
    "player_sent": (np.int64, _TIME, None),
    "player_done": (np.int64, _TIME, None),
    "attempt": (np.int64, None, None),
    "outcome": (
        np.int64,
        None,
        ", ".join(["-1 no turn", *(f"{number} {outcome.value}" for outcome, number in _NUMBERS.items())]),
    ),
}


class TimingEncoder:
    """Encodes when a trigger was, as one da00 message whose time stamp is the trigger's reference time.

    All messages of a run are of one size, so the library lays out one of them, and each trigger costs some
    patched words. The variables:

    - ``signal``, by Player: how long its turn took, in s; NaN where it had none;
    - ``player_sent``, ``player_done``, ``attempt`` and ``outcome``, by Player: its last attempt; the label of
      ``outcome`` says what the numbers mean;
    - ``trigger``, its number, and its ``reference_time``, ``due``, ``sent`` and ``done``;
    - ``player``: the names of the Players in their order, with a space between.

    Times are ns since 1970 UTC, with the unit ``datetime64[ns]`` as the ESS live data reduction reads it.

    Parameters
    ----------
    source
        the source name in the messages
    players
        the names of the Players
    epoch
        ns since 1970 UTC at the zero of the monotonic clock of the effects

    References
    ----------
    The schema: https://github.com/ess-dmsc/streaming-data-types, ``da00_dataarray.fbs``.
    """

    def __init__(self, source: str, players: Sequence[str], epoch: int) -> None:
        self._epoch = epoch
        self._columns = {name: column for column, name in enumerate(players)}
        # Patterns that occur once in a message show where each variable lies.
        rng = np.random.default_rng(0)
        patterns = {name: rng.bytes(8) for name in _SCALARS}
        patterns |= {name: rng.bytes(8 * len(players)) for name in _BY_PLAYER}
        variables = [
            Variable(
                name,
                np.frombuffer(patterns[name], dtype),
                axes=["player"],
                unit=unit,
                label=label,
            )
            for name, (dtype, unit, label) in _BY_PLAYER.items()
        ]
        variables += [
            Variable(name, np.frombuffer(patterns[name], np.int64).reshape(()), unit=unit)
            for name, unit in _SCALARS.items()
        ]
        variables.append(Variable("player", " ".join(players)))
        stamp = int(rng.integers(2**62))
        self._buffer = bytearray(serialise_da00(source, stamp, variables))

        def view(pattern: bytes, dtype: DTypeLike) -> NDArray[Any]:
            return np.frombuffer(self._buffer, dtype, len(pattern) // 8, self._buffer.index(pattern))

        self._stamp = view(stamp.to_bytes(8, "little"), np.int64)
        self._scalars = [view(patterns[name], np.int64) for name in _SCALARS]
        self._by_player = {name: view(patterns[name], dtype) for name, (dtype, _, _) in _BY_PLAYER.items()}

    def encode(self, done: TriggerDone, attempts: Mapping[str, Attempt]) -> bytes:
        """Return the message of a complete trigger.

        Parameters
        ----------
        done
            the trigger
        attempts
            by Player: its last attempt
        """
        self._stamp[0] = done.reference_time
        times = (done.due + self._epoch, done.sent + self._epoch, done.done + self._epoch)
        for scalar, value in zip(self._scalars, (done.trigger, done.reference_time, *times), strict=True):
            scalar[0] = value
        table = self._by_player
        for name, nothing in (("signal", np.nan), ("player_sent", 0), ("player_done", 0), ("attempt", 0)):
            table[name][:] = nothing
        table["outcome"][:] = -1
        for last in attempts.values():
            column = self._columns[last.player]
            table["signal"][column] = (last.done - last.sent) / SECOND
            table["player_sent"][column] = last.sent + self._epoch
            table["player_done"][column] = last.done + self._epoch
            table["attempt"][column] = last.attempt
            table["outcome"][column] = _NUMBERS[last.outcome]
        return bytes(self._buffer)
