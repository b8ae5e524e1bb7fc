"""The Parameter ``beam`` of the scripts of detectors and monitors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from donki.instrument.parameters.reading import Section


class BeamParameters(Section):
    """The beam of an instrument, the same for all its detectors and monitors."""

    flight_path: Annotated[float, Field(gt=0)] | None = None
    "From the moderator to the sample, in m; without it that of the description."
    band: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    "The shortest and the longest wavelength, in Å; without it 1 Å to what 14 Hz leaves apart, or 20."
    moderator: Annotated[float, Field(gt=0)] = 50.0
    "The temperature of the moderator in K, which the spectrum goes by."
