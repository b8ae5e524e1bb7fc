"""The pulses of one source as its front ends send them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.streams.readouts.ess_time import LATEST, ess_time, previous_pulse
from donki.streams.readouts.front_end import FrontEnd
from donki.streams.readouts.packet import Pulse, by_packet, packet, readouts_of
from donki.streams.readouts.sender import ReadoutSender


class ReadoutPulses:
    """Sends the pulses of one source, packet by packet, where there is a receiver.

    Parameters
    ----------
    front_end
        what its detectors are read out by
    sender
        where the packets go
    stream
        what to call it in an error
    first_pixel, last_pixel
        of the source; pulses without events leave by the output queue of the first

    Raises
    ------
    InputError
        when these front ends do not read out all of these pixels
    """

    def __init__(
        self, front_end: type[FrontEnd], sender: ReadoutSender, stream: str, first_pixel: int, last_pixel: int
    ) -> None:
        first, last = front_end.pixels
        if first_pixel < first or last_pixel > last:
            raise InputError(
                f"{stream}: detector_number is from {first_pixel} to {last_pixel}, but those that"
                f" {front_end.name} reads out are from {first} to {last}"
            )
        self._front_end = front_end
        self._sender = sender
        self._stream = stream
        record = np.zeros(1, front_end.record)
        front_end.read_out(np.array([first_pixel], np.int32), record)
        self._queue = int(record["fiber"][0]) // 2

    def check_time(self, time: int) -> None:
        """Refuse the time of a pulse of which packets cannot tell all, by an InputError."""
        # Events may be so long after it, or before, and its last frame too.
        if self._sender.is_on and not 2**31 <= time < LATEST - 2**32:
            raise InputError(
                f"{self._stream}: readouts have times from 1970 to 2106; got {time} ns since 1970 UTC"
            )

    def send(
        self, time: int, period: int, time_of_flight: NDArray[np.int32], pixel_id: NDArray[np.int32]
    ) -> None:
        """Send a pulse; return when the last of its packets has left.

        Its time has passed `check_time`.

        Parameters
        ----------
        time
            of the pulse, ns since 1970 UTC
        period
            of the triggers, ns; 0 where they have none
        time_of_flight, pixel_id
            of its events, shape (n,) each; the pixels are those of the front ends

        Raises
        ------
        ReadoutError
            when a packet cannot be sent
        """
        if not self._sender.is_on:
            return
        pulse = Pulse(ess_time(time), ess_time(previous_pulse(time, period)))
        records = readouts_of(self._front_end, pulse.time, time_of_flight, pixel_id)
        if not len(records):
            self._send(pulse, self._queue, records)
            return
        for part in by_packet(records):
            self._send(pulse, *part)

    def _send(self, pulse: Pulse, queue: int, records: NDArray[np.void]) -> None:
        number = self._sender.next_number(queue)
        made = packet(self._front_end.detector_type, pulse, queue, number, records)
        self._sender.send(queue, made, len(records))
