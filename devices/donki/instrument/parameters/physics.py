"""The Parameter ``physics`` of the script of a detector: where its neutrons go, one section a kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from donki.errors import InputError
from donki.instrument.parameters.reading import Section

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]

#: Which numbers each form factor has.
_FORMS = {"sphere": {"radius"}, "guinier": {"radius"}, "power_law": {"exponent", "crossover"}}


class Powder(Section):
    """Bragg peaks of a cubic powder, and a background; see `donki.sources.PowderSource`."""

    kind: Literal["powder"]
    lattice: Literal["P", "I", "F", "D"] = "F"
    "Primitive, body-centred (I), face-centred (F) or diamond (D)."
    a: Positive = 4.046
    "The lattice constant at 300 K, in Å; that of aluminium."
    shortest: Positive = 0.5
    "The smallest spacing that has a peak, in Å."
    expansion: float = 2.3e-5
    "Linear thermal expansion in 1/K."
    temperature: Positive = 300.0
    "Of the powder, in K."
    resolution: Positive = 2e-3
    "The standard deviation of a peak in d, as a share of d."
    background: Share = 0.2
    "The share of the events that are background."


class SmallAngle(Section):
    """Small-angle scattering by a form factor; see `donki.sources.SmallAngleSource`."""

    kind: Literal["sans"]
    form: Literal["sphere", "guinier", "power_law"] = "sphere"
    "Spheres, anything small by Guinier's law, or a power law that levels off."
    radius: Positive = 50.0
    "Of the spheres, or of gyration, in Å."
    exponent: Positive = 4.0
    "Of the power law."
    crossover: Positive = 5e-3
    "Where the power law levels off, in 1/Å."
    background: Annotated[float, Field(ge=0)] = 1e-3
    "The intensity at all Q, as a share of that of the form factor at Q = 0."

    def check(self) -> None:
        """Refuse the numbers of another form factor."""
        all_forms = set.union(*_FORMS.values())
        for name in sorted((self.model_fields_set & all_forms) - _FORMS[self.form]):
            raise InputError(f"{name} is none of form {self.form}, which has {', '.join(_FORMS[self.form])}")


class Direct(Section):
    """The direct beam; see `donki.sources.DirectBeamSource`."""

    kind: Literal["direct"]
    width: Positive = 5e-3
    "The standard deviation of the spot, in m."
    transmission: Share = 1.0
    "The share of the rate that goes through the sample."


class Flat(Section):
    """The same in all directions; see `donki.sources.FlatSource`."""

    kind: Literal["flat"]


class McStas(Section):
    """Events drawn from what a simulation wrote: a McStas monitor or list, or an MCPL file."""

    kind: Literal["mcstas"]
    file: str
    "Text or NeXus of McStas, or MCPL, under the property DataPath."
    monitor: str | None = None
    "Which monitor, where the file holds several."
    pixels: str | None = None
    "A second file, whose histogram gives the pixels where the first has times alone; else all are on one."
    flight_path: Positive | None = None
    "To the detector in m, where the file has wavelengths or energies; without it that of the description."
    panel: tuple[Positive, Positive, Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = None
    "Width and height in m, columns and rows of the panel that x and y of a list are on; else its ids count."
    first_pixel: Annotated[int, Field(ge=0)] | None = None
    "The number of the first pixel of a histogram or a panel; without it the lowest of the detector."


class Replay(Section):
    """The events that the description itself holds, pulse by pulse, over and over."""

    kind: Literal["replay"]
    group: str | None = None
    "The path of their NXevent_data; needed only where the detector has several with events."
    units: Literal["ISIS"] | dict[str, str] | None = None
    "Of event_time_offset and event_time_zero, where the file does not say; or ISIS."
    on_damage: Literal["refuse", "skip"] = "refuse"
    "What becomes of damaged events."


Simulation = Powder | SmallAngle | Direct | Flat | McStas
"""What is drawn, not replayed."""

Physics = Annotated[Simulation | Replay, Field(discriminator="kind")]
