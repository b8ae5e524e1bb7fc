"""A stream of neutron events from one source, pulse by pulse."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from donki.errors import InputError, shown
from donki.numeric import whole_number
from donki.streams.inputs import as_choice, as_flag
from donki.streams.kafka.producer import MOST_PAYLOAD
from donki.streams.nexus.file import NexusFile
from donki.streams.readouts.front_ends import find_front_end
from donki.streams.readouts.pulses import ReadoutPulses
from donki.streams.schemas.encoding.ev44 import EVENTS_PER_MESSAGE, Ev44Encoder, int32_column
from donki.streams.schemas.encoding.flatbuffer import TimeField, fields, target, vector
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.events.detector import DetectorLayout, as_detector, layout_of, structure_of
from donki.streams.schemas.events.frames import FRAMES, Frame, by_frame
from donki.streams.schemas.events.pixel_range import PixelRange
from donki.streams.schemas.events.profile import PROFILES, EventProfile, Profile
from donki.streams.schemas.files.stored import StoredMessage, pulses
from donki.streams.schemas.files.structure import group as structure
from donki.streams.schemas.stream import EventCount, Route, SourceStream, StoredCount

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


MOST_EVENTS = MOST_PAYLOAD // 8
"""Most events in a message that Kafka is given."""


class EventStream(SourceStream):
    """Sends the pulses of one source to Kafka as ev44, and to the Player's file if there is one.

    Parameters
    ----------
    route
        as `SourceStream` takes it
    events_per_message
        most events in a message; a pulse that has more is split
    empty_pulses
        whether a pulse without events is sent, or left out
    detector_number
        the pixels of the detector, integers of any shape; without it the file's detector reaches from the
        smallest pixel id that was sent to the largest
    x_pixel_offset, y_pixel_offset, z_pixel_offset
        the middle of each pixel, seen from the position: numbers of the shape of `detector_number`, or of one
        that numpy broadcasts to it. As in McStas and NeXus, x is to the left of the beam, y up, z along it
    unit
        of offsets and position: m, cm, mm, um or nm
    position
        of the detector: x, y and z seen from the sample; without it the offsets are seen from there
    frame
        ``"pulse"``: an event stays with its pulse, however long it flies; ``"wrap"``: it goes into the frame
        in which it arrives, so that its time of flight is the time since the latest pulse, pulses following
        each other at the Director's Period
    profile
        ``"plain"``; or ``"efu"``, as the ESS event formation unit sends: a message's Kafka time stamp is when
        it was sent, but not before its pulse; a pulse without events is left out, whatever `empty_pulses`
        says; message ids begin at 1; every message has the size of one with `events_per_message` events
    readout
        the kind of front ends whose raw readouts of the events go to the property ReadoutAddress too, if
        that is set: ``"loki"``, ``"bifrost"`` or ``"dream"``, which fixes the pixel ids; empty: none go

    Raises
    ------
    InputError
        when one of these is not what it should be
    """

    schema = "ev44"
    method = "events"
    what = "events"
    takes = "times of flight in ns, pixel ids"
    kept = "``/entry/instrument/SOURCE/SOURCE_events`` (NXevent_data) and ``SOURCE/detector_number``"
    time = TimeField(2, is_vector=True)
    has_events = True
    nx_class = "NXdetector"
    layout_type = DetectorLayout

    def __init__(
        self,
        route: Route,
        *,
        events_per_message: int = EVENTS_PER_MESSAGE,
        empty_pulses: bool = True,
        detector_number: ArrayLike | None = None,
        x_pixel_offset: ArrayLike | None = None,
        y_pixel_offset: ArrayLike | None = None,
        z_pixel_offset: ArrayLike | None = None,
        unit: str = "m",
        position: ArrayLike | None = None,
        frame: Frame = "pulse",
        profile: Profile = "plain",
        readout: str = "",
    ) -> None:
        super().__init__(route)
        whole = whole_number(events_per_message) or 0
        if not 0 < whole <= MOST_EVENTS:
            raise InputError(
                f"{self}: events_per_message is an integer from 1 to {MOST_EVENTS};"
                f" got {shown(events_per_message)}"
            )
        self._events_per_message = whole
        self._profile = PROFILES[as_choice(profile, PROFILES, f"{self}: profile")]
        self._stamps_by_wall_clock = self._profile.stamps_by_wall_clock
        self._empty_pulses = as_flag(empty_pulses, f"{self}: empty_pulses")
        self._empty_pulses &= self._profile.sends_empty_pulses
        self._wraps = as_choice(frame, FRAMES, f"{self}: frame") == "wrap"
        offsets = {
            "x_pixel_offset": x_pixel_offset,
            "y_pixel_offset": y_pixel_offset,
            "z_pixel_offset": z_pixel_offset,
        }
        self._detector = as_detector(f"{self}", detector_number, offsets, unit, position)
        self._layout = layout_of(self._detector)
        front_end = find_front_end(readout, f"{self}")
        self._pixels = PixelRange(f"{self}", self._detector.detector_number, front_end)
        self._readouts: ReadoutPulses | None = None
        if front_end is not None:
            pixels = self._pixels.lowest, self._pixels.highest
            self._readouts = ReadoutPulses(front_end, route.readouts, f"{self}", *pixels)
        self._tof_name, self._pixel_name = f"{self}: time of flight", f"{self}: pixel ids"
        self._encoder = _encoder(self._profile, self.source, whole)
        self._message_id = self._first_undelivered = self._profile.first_message_id

    @classmethod
    def count_events(cls, message: bytes) -> EventCount | None:
        """Return how many events a message has, and when; None where it cannot be read."""
        try:
            _, _, times, _, tof, *_ = fields(message)
            (events,) = struct.unpack_from("<I", message, target(message, tof))
            (time,) = struct.unpack_from("<q", message, target(message, times) + 4)
        except (struct.error, ValueError):
            return None
        return EventCount(events, time)

    @classmethod
    def event_columns(cls, message: bytearray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the times of flight and the pixel ids of a message, as views of it."""
        _, _, _, _, times_of_flight, pixel_ids = fields(message)
        return vector(message, times_of_flight, np.int32), vector(message, pixel_ids, np.int32)

    @classmethod
    def file_writer_group(
        cls, name: str, config: Mapping[str, str], layout: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the detector, in which the file writer makes the group of the events."""
        module = {"module": cls.schema, "config": dict(config)}
        parts, attributes = structure_of(layout)
        events = structure(f"{name}_events", "NXevent_data", [module])
        return structure(name, cls.nx_class, [*parts, events], attributes)

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:
        """Yield the messages that a Player's file tells of."""
        profile, most = _sent_as(group[f"{source}_events"].attrs, most_events)
        encode = partial(_encode, _encoder(profile, source, most), profile.first_message_id)
        for time, times, pixels in pulses(group[f"{source}_events"]):
            for start in range(0, max(1, len(times)), most):
                columns = times[start : start + most], pixels[start : start + most]
                yield StoredMessage(time, partial(encode, time, *columns), is_numbered=True)

    @classmethod
    def count_stored(cls, source: str, group: h5py.Group) -> StoredCount:
        """Return how many pulses and events a Player's file holds."""
        events = group[f"{source}_events"]
        return StoredCount(pulses=len(events["event_time_zero"]), events=len(events["event_id"]))

    @property
    def layout(self) -> dict[str, Any] | None:
        """The pixels of the detector and where they are; None where that is more than a message tells."""
        return self._layout

    def send(
        self,
        trigger: Timed,
        time_of_flight: ArrayLike,
        pixel_id: ArrayLike,
        *,
        reference_time: int | None = None,
    ) -> None:
        """Send one pulse; it has arrived when the Player's trigger is done.

        A pulse of more than `events_per_message` (12,400) events is split over messages, as the ESS event
        formation unit does; one without events is a message without events that has its reference time, or
        nothing where `empty_pulses` is false. Message ids count up by source. It waits while too much is
        in flight to the broker.

        Where frames wrap, events that arrive a period or more after the pulse follow in messages of their
        own, for each later frame that has some: the reference time is whole periods later, that of the pulse
        with which the frame begins, and the time of flight so much shorter. They belong to this trigger all
        the same, whether or not a trigger comes for that pulse, also after the last one. With Period 0 there
        are no frames, and all events stay in their pulse.

        Parameters
        ----------
        trigger
            whose reference time is the pulse's
        time_of_flight
            integers, ns since the reference time, shape (n,)
        pixel_id
            integers from 0, shape (n,)
        reference_time
            of the pulse, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when the arrays differ in length, are not integers, are masked or do not fit into 32 bits, or a
            pixel id is below 0 or outside the range of `detector_number`; nothing is sent
        BrokerError, FileError
            when this pulse or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        tof = int32_column(time_of_flight, self._tof_name)
        pixel = int32_column(pixel_id, self._pixel_name)
        if len(tof) != len(pixel):
            raise InputError(
                f"{self}: {len(tof)} times of flight, but {len(pixel)} pixel ids; each event has both"
            )
        if not len(tof) and not self._empty_pulses:
            return
        pixel_range = self._pixels.check(pixel, is_kept=self._file is not None) if len(pixel) else None
        period = getattr(trigger, "period", 0)
        if self._readouts is not None:
            self._readouts.check_time(time)
        with self._transaction:
            if not (period and self._wraps):
                self._send_frame(time, tof, pixel, pixel_range, period)
                return
            for part in by_frame(time, period, tof, pixel):
                if len(part.pixel_id) or self._empty_pulses:
                    self._send_frame(*part, pixel_range, period)

    def _open_in(self, file: NexusFile) -> None:
        sent_as: dict[str, str | int] = {}
        if (name := self._profile.name) != "plain":
            sent_as = {"profile": name, "events_per_message": self._events_per_message}
        file.open_events(self.source, self._detector, sent_as)

    def _send_frame(
        self,
        time: int,
        tof: NDArray[np.int32],
        pixel: NDArray[np.int32],
        pixel_range: tuple[int, int] | None,
        period: int,
    ) -> None:
        most = self._events_per_message
        if len(tof) <= most:
            self._send_part(time, tof, pixel)
        else:
            for first in range(0, len(tof), most):
                self._send_part(time, tof[first : first + most], pixel[first : first + most])
        if self._file is not None:
            self._file.append_events(self.source, time, tof, pixel, pixel_range)
        if self._readouts is not None:
            self._readouts.send(time, period, tof, pixel)

    def _send_part(self, time: int, tof: NDArray[np.int32], pixel: NDArray[np.int32]) -> None:
        message = self._encoder.encode(self._message_id, time, tof, pixel)
        # Nobody sends a pulse before it: a frame that wraps may lie ahead.
        stamp = max(time_ns(), time) if self._stamps_by_wall_clock else time
        self._sink.send(self.topic, self.source, message, stamp, len(tof))
        self._message_id += 1


def _encoder(profile: EventProfile, source: str, most_events: int) -> Ev44Encoder:
    return Ev44Encoder(source, most_events, fills_buffer=profile.fills_buffers)


def _sent_as(said: Mapping[str, Any], most_events: int) -> tuple[EventProfile, int]:
    """Return the profile that a file names, and how many events a message had at most."""
    name = str(said.get("profile", "plain"))
    if name not in PROFILES:
        raise ValueError(f"it was sent by the profile {name}, which is not known here")
    return PROFILES[name], int(said.get("events_per_message", most_events))


def _encode(
    encoder: Ev44Encoder,
    first_id: int,
    time: int,
    times: NDArray[np.int32],
    pixels: NDArray[np.int32],
    number: int,
) -> memoryview:
    return encoder.encode(first_id + number, time, times, pixels)
