"""Which Player plays which stream of an instrument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from donki.instrument.nodes import Group
from donki_client.instrument.declared import Declared, Pool, Unmapped
from donki_client.instrument.names import numbered
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.sections import choppers, detectors, devices, logs, monitors, motion

#: What plans Players, in order: each takes the streams that it knows and leaves the others to the next.
SECTIONS: Sequence[Callable[[Instrument], Iterable[Planned]]] = (
    detectors.plan,
    monitors.plan,
    choppers.plan,
    motion.plan,
    devices.plan,
    logs.plan,
)


@dataclass(frozen=True)
class Mapping:
    """What is played of an instrument, and what is not.

    Attributes
    ----------
    instrument
        its name; empty where its description does not say
    players
        who plays
    unmapped
        what nobody plays, each with a reason, by path
    """

    instrument: str
    players: Sequence[Planned]
    unmapped: Sequence[Unmapped]


def map_streams(root: Group, file: str) -> Mapping:
    """Return who plays the streams of an instrument.

    Parameters
    ----------
    root
        of its description
    file
        the name of the description's file, for scripts that read it
    """
    instrument = Instrument(root, file, Pool(root))
    planned = [player for section in SECTIONS for player in section(instrument)]
    instrument.pool.refuse_rest(_reason)
    names = numbered(player.name for player in planned)
    players = [replace(player, name=name) for player, name in zip(planned, names, strict=True)]
    return Mapping(instrument.name, players, sorted(instrument.pool.unmapped, key=lambda one: one.path))


def _reason(declared: Declared) -> str:
    """Return why no section has taken a stream."""
    match declared.stream.module:
        case "ev44":
            return "its events belong to no NXdetector and no NXmonitor"
        case "da00":
            return "histograms are played of an NXmonitor alone"
        case "tdct":
            return "its chopper has the times of top dead centre of another source already"
        case module:
            return f"no bundled script plays {module}"
