"""One Player for all choppers: what belongs to one is known by the name of its group, or of its PV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from donki.instrument.nodes import Group
from donki.instrument.parameters.choppers import MOST_DELAY, MOST_FREQUENCY
from donki.instrument.units import chopper_factor
from donki_client.instrument.declared import Declared
from donki_client.instrument.names import short_names
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import number_in, settings, units_of

SCRIPT = "instrument/choppers.py"
CLASSES = ("NXdisk_chopper", "NXchopper", "NXfermi_chopper")

#: Where a stream belongs: the key of the chopper's settings and the key in it, by the name of its group or by
#: the end of its PV (those of the ESS's choppers: Spd_R, ChopDly-S and so on).
ROLES = {
    ("speed", "source"): re.compile(r"/(rotation_speed|speed)$|:Spd_R$"),
    ("speed", "set_point_source"): re.compile(r"/(rotation_speed|speed)_?(set_?point|target)$|:Spd_S$"),
    ("phase", "source"): re.compile(r"/phase$|:(Phs|Pha)(_R|-R)?$"),
    ("phase", "set_point_source"): re.compile(r"/phase_?(set_?point|target)$|:(Phs|Pha)(_S|-S)$"),
    ("delay", "source"): re.compile(r"/(delay|total_delay)$|:TotDly$"),
    ("delay", "set_point_source"): re.compile(r"/(experiment_delay|delay_?set_?point)$|:ChopDly-S$"),
}

#: The frequency of the ESS's source in Hz: that of a chopper of which the description has none.
SOURCE_FREQUENCY = 14.0
#: A chopper below this speed in Hz is parked: it says nothing of the speed at which it is used.
_PARKED = 0.5
#: The units that a script sends these in unless it is told others.
_UNITS = {"speed": "Hz", "phase": "deg", "delay": "ns"}


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield the Player of the choppers, if there are any; other values of theirs are left to the logs."""
    groups: dict[str, Group] = {}
    parts: dict[str, dict[tuple[str, str], Declared]] = {}
    for declared in instrument.pool.find("f144", "tdct"):
        chopper = declared.within(CLASSES)
        if chopper is None and declared.stream.module == "tdct":
            chopper = declared.parent
        if chopper is None or (role := _role(declared)) is None:
            continue
        groups[chopper.path] = chopper
        parts.setdefault(chopper.path, {}).setdefault(role, declared)
    if not groups:
        return
    choppers: dict[str, Any] = {}
    streams: list[Declared] = []
    for name, (path, group) in zip(short_names(tuple(groups)), groups.items(), strict=True):
        choppers[name], played = _chopper(group, parts[path])
        streams += played
    yield Planned(
        name="choppers",
        script=SCRIPT,
        about=[
            "Choppers: frequency in Hz, and delay_ns or phase_deg (degrees).",
            "program: [[1, park], [50, spin], [200, lock], [900, lose_lock]] says from which trigger on",
        ],
        parameters={"choppers": choppers},
        streams=streams,
    )
    instrument.pool.take(*streams)


def _role(declared: Declared) -> tuple[str, str] | None:
    if declared.stream.module == "tdct":
        return "top_dead_centre", "source"
    # By the group before the PV: the names of PVs differ more.
    for text in (declared.path, declared.source):
        for role, pattern in ROLES.items():
            if pattern.search(text):
                return role
    return None


def _chopper(
    group: Group, parts: Mapping[tuple[str, str], Declared]
) -> tuple[dict[str, Any], list[Declared]]:
    """Return the settings of a chopper, and its streams that go to one topic, as the script sends them."""
    logs = {role: parts[role] for role in ROLES if role in parts}
    topic = next(declared.topic for declared in (*logs.values(), *parts.values()))
    found: dict[str, Any] = {"topic": topic}
    played: list[Declared] = []
    for (quantity, key), declared in logs.items():
        units = (units_of(declared.group, declared.config) or "").strip()
        factor = chopper_factor(quantity, units) if units else 1.0
        its = found.get(quantity, {})
        # Read-back and set point are sent in one unit.
        is_alike = not its or chopper_factor(quantity, its.get("units", _UNITS[quantity])) == factor
        if declared.topic == topic and factor is not None and is_alike:
            found[quantity] = its | {key: declared.source} | ({"units": units} if factor != 1 else {})
            played.append(declared)
    if edge := parts.get(("top_dead_centre", "source")):
        found["top_dead_centre"] = {"topic": edge.topic, "source": edge.source}
        played.append(edge)
    # The set point first: a read-back of a chopper in step with the source is not quite the source's.
    speed = _value(group, parts, "speed", ("rotation_speed_setpoint", "rotation_speed", "speed"))
    is_spinning = speed is not None and _PARKED <= abs(speed) <= MOST_FREQUENCY
    found["frequency"] = speed if is_spinning else SOURCE_FREQUENCY
    # The two say the same.
    delay = _value(group, parts, "delay", ("delay", "experiment_delay"))
    if delay is not None and abs(delay) < MOST_DELAY:
        found["delay_ns"] = delay
    else:
        phase = _value(group, parts, "phase", ("phase", "phase_setpoint"))
        is_known = phase is not None and abs(phase) / 360 / abs(found["frequency"]) * 1e9 < MOST_DELAY
        found["phase_deg"] = phase if is_known else None
    return settings(found.items()), played


def _value(
    group: Group,
    parts: Mapping[tuple[str, str], Declared],
    quantity: str,
    names: tuple[str, ...],
) -> float | None:
    """Return a value of the file in the unit of the script; None where there is none, or no such unit."""
    read_back = parts.get((quantity, "source"))
    declared = units_of(read_back.group, read_back.config) if read_back else None
    for name in names:
        number, units = number_in(group, name), _units(group, name) or declared or ""
        if number is not None and (factor := chopper_factor(quantity, units)):
            return float(f"{number * factor:.6g}")
    return None


def _units(group: Group, name: str) -> str | None:
    found = group.find(name)
    if isinstance(found, Group):
        found = found.datasets.get("value")
    return None if found is None else found.units
