"""The events of one source as a NeXus event group, laid out as the ESS file writer does."""

from __future__ import annotations

from collections.abc import Mapping

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.streams.nexus.column import Column, ColumnGroup, Plot
from donki.streams.nexus.detector import Detector, write_detector
from donki.streams.nexus.row_group import SINCE_1970, note_schema
from donki.streams.nexus.swmr_file import SharedFile

EVENTS_PER_CUE = 100_000_000
"""Events from cue to cue, as the ESS file writer sets them."""

MOST_PIXELS = 1 << 23
"""Pixel ids that span more than this are no detector's numbering; none is written then."""

_EVENTS_PER_CHUNK = 1 << 18
_PULSES_PER_CHUNK = 1 << 14
_NS = {"units": "ns"}


class EventGroup(ColumnGroup):
    """``SOURCE/SOURCE_events`` in the instrument: an NXevent_data in its NXdetector.

    Where no ``detector_number`` is given it is all numbers from the smallest pixel id seen to the largest.

    Parameters
    ----------
    file
        to make it in
    source
        the name of the detector or monitor
    described
        what is known of the detector
    sent_as
        attributes that say how the events were sent

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXevent_data.html
    """

    def __init__(
        self, file: SharedFile, source: str, described: Detector, sent_as: Mapping[str, str | int]
    ) -> None:
        detector = file.root["entry/instrument"].require_group(source)
        detector.attrs["NX_class"] = "NXdetector"
        note_schema(detector, "ev44")
        write_detector(detector, described)
        self._has_numbers = described.detector_number is not None
        events = detector.create_group(f"{source}_events")
        events.attrs["NX_class"] = "NXevent_data"
        events.attrs.update(sent_as)

        def per_event(name: str, attributes: Mapping[str, str] | None = None) -> Column:
            dtype = np.dtype(np.int32)
            return Column(events, name, dtype, chunk=_EVENTS_PER_CHUNK, attributes=attributes, file=file)

        def per_pulse(
            name: str, dtype: type[np.generic], attributes: Mapping[str, str] | None = None
        ) -> Column:
            chunk = _PULSES_PER_CHUNK
            return Column(events, name, np.dtype(dtype), chunk=chunk, attributes=attributes, file=file)

        self._pixels = per_event("event_id")
        self._times = per_event("event_time_offset", _NS)
        self._pulses = per_pulse("event_time_zero", np.uint64, SINCE_1970)
        self._starts = per_pulse("event_index", np.int64)
        self._cues = per_pulse("cue_index", np.int64)
        self._cue_times = per_pulse("cue_timestamp_zero", np.int64, SINCE_1970)
        self._seen: tuple[int, int] | None = None
        self._numbered: tuple[int, int] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow.

        The event ids are the last, so that whoever reads them first finds at least the pulses they belong to.
        """
        return self._cues, self._cue_times, self._pulses, self._starts, self._times, self._pixels

    @property
    def plot(self) -> Plot | None:
        """How many events there were until each pulse."""
        return Plot(self._starts.dataset, self._pulses.dataset) if self._pulses.rows else None

    def append(
        self,
        reference_time: int,
        time_of_flight: NDArray[np.int32],
        pixel_id: NDArray[np.int32],
        pixel_range: tuple[int, int] | None = None,
    ) -> None:
        """Append one pulse.

        Parameters
        ----------
        reference_time
            of the pulse, ns since 1970 UTC
        time_of_flight
            ns, shape (n,)
        pixel_id
            shape (n,)
        pixel_range
            the smallest pixel id and the largest, where they are known
        """
        start = self._pixels.rows
        self._pulses.append_one(reference_time)
        self._starts.append_one(start)
        if start >= (self._cues.rows + 1) * EVENTS_PER_CUE:
            self._cues.append_one(start)
            self._cue_times.append_one(reference_time)
        if len(pixel_id):
            self._pixels.append(pixel_id)
            self._times.append(time_of_flight)
            low, high = pixel_range or (int(pixel_id.min()), int(pixel_id.max()))
            if self._seen is not None:
                low, high = min(low, self._seen[0]), max(high, self._seen[1])
            self._seen = low, high

    def commit(self) -> None:
        """Write what is buffered; these pulses stay."""
        super().commit()
        if self._seen != self._numbered and not self._has_numbers:
            self._number()

    def discard(self) -> None:
        """Take back the pulses since the last commit."""
        super().discard()
        self._seen = self._numbered

    @property
    def _detector(self) -> h5py.Group:
        return self._pixels.dataset.parent.parent

    def _number(self) -> None:
        """Write the detector's numbering again, as far as the pixel ids that were seen reach now."""
        self._numbered = self._seen
        low, high = self._seen or (0, -1)
        name = "detector_number"
        if not _is_numbering(self._seen):
            self._detector.pop(name, None)
            return
        numbers = self._detector.require_dataset(
            name, (0,), np.int32, maxshape=(None,), chunks=(_PULSES_PER_CHUNK,), exact=True
        )
        numbers.resize(high - low + 1, axis=0)
        numbers[:] = np.arange(low, high + 1, dtype=np.int32)


def _is_numbering(seen: tuple[int, int] | None) -> bool:
    """Whether the pixel ids that were seen, from the smallest to the largest, are a detector's."""
    return seen is not None and seen[1] - seen[0] < MOST_PIXELS
