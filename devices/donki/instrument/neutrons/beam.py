"""The beam that the Parameters and the description tell of."""

from __future__ import annotations

import numpy as np

from donki.instrument.nodes import Group
from donki.instrument.parameters.beam import BeamParameters
from donki.instrument.places import flight_path
from donki.player.trigger import Trigger
from donki.sources import Beam
from donki.sources.neutron import wavelength_to_time
from donki.sources.recorded.timeline import ESS_PERIOD

_SHORTEST, _LONGEST = 1.0, 20.0  # Å


def beam_of(asked: BeamParameters, component: Group, assumed: list[str]) -> Beam:
    """Return the beam of an instrument.

    Parameters
    ----------
    asked
        the Parameter
    component
        any group of the entry of the description
    assumed
        is told what the description leaves open, and how it was taken

    Raises
    ------
    SourceError
        when neither says how far the sample is from the moderator
    InputError
        when the Parameter is none of a beam
    """
    length = asked.flight_path or flight_path(component, assumed)
    return Beam(length, asked.band or natural_band(length), asked.moderator)


def natural_band(length: float) -> tuple[float, float]:
    """Return the band in Å, from 1 Å to 20 Å at most, whose slowest arrive a pulse later than the fastest.

    Parameters
    ----------
    length
        of the flight path in m
    """
    per_wavelength = float(wavelength_to_time(np.ones(1), length)[0])
    return _SHORTEST, round(min(_SHORTEST + ESS_PERIOD * 1e-9 / per_wavelength, _LONGEST), 2)


def frame_length(trigger: Trigger) -> int:
    """Return the ns from a trigger's pulse to the next; those of the ESS where triggers have no period."""
    return trigger.period or ESS_PERIOD
