"""What the script images.py is told."""

from __future__ import annotations

from typing import Literal

from donki.errors import InputError
from donki.instrument.parameters.reading import Section
from donki.instrument.parameters.values import Count, DType, NotNegative, Positive, Rate, Source, Topic


class ImageParameters(Section):
    """An area detector."""

    topic: Topic
    """The Kafka topic."""

    source: Source
    """The name that its messages carry."""

    shape: tuple[Count, Count]
    """Rows and columns."""

    dtype: DType = "uint16"
    """The type of the pixels; a pixel counts no further than it has numbers."""

    units: str = "counts"
    """Of the pixels."""

    pattern: Literal["moving", "rings", "flat"] = "moving"
    """What is seen: a spot that moves, the rings of a powder, or even light."""

    rate: Rate = 1.0
    """Frames a second."""

    counts: NotNegative = 100_000.0
    """On average in all pixels of a frame."""

    cycle: Positive = 10.0
    """Of a moving spot: how long its way takes until it begins again, in s."""

    width: Positive | None = None
    """Of a spot, its standard deviation in pixels; of a ring, in degrees."""

    def check(self) -> None:
        """Refuse what does not fit together; see `Section`."""
        rows, columns = self.shape
        if rows * columns > 1 << 26:
            raise InputError(f"shape: {rows} by {columns} pixels; the most is {1 << 26}")


class ImagesParameters(Section):
    """The Parameters of images.py."""

    images: dict[str, ImageParameters]
    """The area detectors, by name."""
