"""One Player for all motors: read-back, set point and done-moving, by NXpositioner or EPICS's names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from donki.instrument.nodes import Group
from donki_client.instrument.declared import Declared
from donki_client.instrument.names import shared_names
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import number_in, settings, units_of

SCRIPT = "instrument/motion.py"

#: What of a motor record a stream is, by the end of its PV, https://epics.anl.gov/bcda/synApps/motor.
FIELDS = {"RBV": "read_back", "VAL": "set_point", "MOVN": "moving", "DMOV": "done_moving"}
_FIELD = re.compile(rf"(?P<motor>.+)\.(?P<field>{'|'.join(FIELDS)})")

#: The same by the name of the group in an NXpositioner.
NAMES = {
    "value": "read_back",
    "read_back": "read_back",
    "readback": "read_back",
    "target_value": "set_point",
    "set_point": "set_point",
    "setpoint": "set_point",
    "moving": "moving",
    "idle_flag": "done_moving",
    "done_moving": "done_moving",
}

#: Settings of the script by the data sets of an NXpositioner that have them.
SETTINGS = {
    "position": ("value", "target_value"),
    "velocity": ("velocity",),
    "acceleration": ("acceleration",),
    "tolerance": ("tolerance",),
    "low": ("soft_limit_min", "lower_limit"),
    "high": ("soft_limit_max", "upper_limit"),
}

_Motor = tuple[str, str]  # the topic, and what all of its PVs begin with or the path of its group
_Parts = Mapping[str, Declared]


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield the Player of the motors, if there are any: a read-back alone is a log."""
    found: dict[_Motor, dict[str, Declared]] = {}
    for declared in instrument.pool.find("f144"):
        if motor := _motor(declared):
            key, part = motor
            found.setdefault(key, {}).setdefault(part, declared)
    motors = [parts for parts in found.values() if "read_back" in parts and len(parts) > 1]
    if not motors:
        return
    read_backs = [parts["read_back"] for parts in motors]
    names = shared_names([one.parent.path for one in read_backs], [one.path for one in read_backs])
    streams = [declared for parts in motors for declared in parts.values()]
    yield Planned(
        name="motion",
        script=SCRIPT,
        about=[
            "Motors stay where they are until one has moves: [[trigger, target], ...],",
            "or scan: {from: 0, to: 10, points: 11, every: 20}, in its units; velocity is in units/s",
        ],
        parameters={"motors": dict(zip(names, map(_settings, motors), strict=True))},
        streams=streams,
    )
    instrument.pool.take(*streams)


def _motor(declared: Declared) -> tuple[_Motor, str] | None:
    """Return which motor a stream belongs to, and what of it it is."""
    if named := _FIELD.fullmatch(declared.source):
        return (declared.topic, named["motor"]), FIELDS[named["field"]]
    part = NAMES.get(declared.group.name)
    if part and declared.parent.nx_class == "NXpositioner":
        return (declared.topic, declared.parent.path), part
    return None


def _settings(parts: _Parts) -> dict[str, Any]:
    read_back = parts["read_back"]
    positioner: Group = read_back.parent
    units = units_of(read_back.group, read_back.config)
    own = _known(positioner, number_in(read_back.group, "value"))
    return settings(
        {
            "topic": read_back.topic,
            **{part: parts[part].source for part in FIELDS.values() if part in parts},
            "units": None if units == "dimensionless" else units,
            **own,
        }.items()
    )


def _known(positioner: Group, position: float | None) -> dict[str, float | None]:
    """Return what is known of a motor; 0 of what is above 0, and limits without room, mean nothing there."""
    own = {key: number_in(positioner, *names) for key, names in SETTINGS.items()}
    own["position"] = position if own["position"] is None else own["position"]
    for key in ("velocity", "acceleration", "tolerance"):
        if (value := own[key]) is not None and value <= 0:
            own[key] = None
    low, high, place = own["low"], own["high"], own["position"] or 0.0
    if (low is not None and high is not None and low >= high) or not (
        (low is None or low <= place) and (high is None or place <= high)
    ):
        own["low"] = own["high"] = None
    return own
