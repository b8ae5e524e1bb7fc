"""One Player for all other logs, with the alarms and the connection states of their PVs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from donki_client.instrument.declared import Declared, Pool
from donki_client.instrument.names import numbered, short_names
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import dtype_of, limits_in, number_in, settings, units_of

SCRIPT = "instrument/logs.py"

#: The key of a log's settings that has its PV send a schema too.
BESIDE = {"al00": "alarms", "ep01": "connection"}

#: Below and above which a sensor is in alarm, by the data sets of an NXsensor or NXlog that have it.
LOW, HIGH = ("low_trip_value",), ("high_trip_value",)

#: Where a value is, in a log or in the NXsensor around it.
_VALUES = ("value", "raw_value")


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield the Player of the logs, if there are any, with the alarms of PVs whose values others play."""
    pool = instrument.pool
    for declared in pool.find("f144"):
        if reason := _reason(declared):
            pool.refuse(declared, reason)
    logs = pool.find("f144")
    found = [_settings(declared) for declared in logs]
    streams: list[Declared] = []
    for declared, log in zip(logs, found, strict=True):
        beside = _beside(pool, declared)
        log.update(dict.fromkeys(beside, True))
        streams += [declared, *beside.values()]
        pool.take(declared, *beside.values())
    alone = pool.find(*BESIDE)
    found += [_alone(declared) for declared in alone]
    pool.take(*alone)
    if not found:
        return
    names = numbered(
        map(_name, short_names([declared.path for declared in [*logs, *alone]]), [*logs, *alone])
    )
    yield Planned(
        name="logs",
        script=SCRIPT,
        about=[
            "The sample environment and all other logs. signal: constant, ramp, walk, noise, sine or replay;",
            "value, low, high, noise and limits (of alarms) in the log's units; period in s",
        ],
        parameters={"logs": dict(zip(names, found, strict=True))},
        streams=[*streams, *alone],
    )


def _name(name: str, declared: Declared) -> str:
    said = BESIDE.get(declared.stream.module)
    return f"{name}_{said}" if said else name


def _reason(declared: Declared) -> str:
    """Return why a log cannot be played; empty where it can."""
    dtype = str(declared.config.get("dtype", declared.config.get("type", "")))
    if dtype.startswith(("str", "<U")):
        return "its values are texts; logs are numbers"
    size = declared.config.get("array_size")
    if size not in (None, [], 1, [1], ""):
        return f"its values are arrays of {size}; logs are numbers"
    return ""


def _beside(pool: Pool, declared: Declared) -> dict[str, Declared]:
    found = {key: pool.beside(declared, module) for module, key in BESIDE.items()}
    return {key: other for key, other in found.items() if other is not None}


def _alone(declared: Declared) -> dict[str, Any]:
    """Return the settings of what sends alarms or the state of a connection, and no values."""
    module = declared.stream.module
    return {"topic": declared.topic, "source": declared.source, "module": module, BESIDE[module]: True}


def _settings(declared: Declared) -> dict[str, Any]:
    group, dtype = declared.group, dtype_of(declared.config)
    found: dict[str, Any] = {"topic": declared.topic, "source": declared.source}
    found["units"] = units_of(group, declared.config)
    found["dtype"] = None if dtype == "float64" else dtype
    value = number_in(group, *_VALUES)
    if value is None and declared.parent.nx_class == "NXsensor":
        value = number_in(declared.parent, *_VALUES)
    if limits := limits_in(group, "value"):
        found |= {"signal": "walk", "value": value, "low": limits[0], "high": limits[1]}
    else:
        found |= {"signal": "constant", "value": 0.0 if value is None else value}
    low, high = _limit(declared, LOW), _limit(declared, HIGH)
    if low is not None and high is not None and low <= high:
        found["limits"] = [low, high]
    return settings(found.items())


def _limit(declared: Declared, names: tuple[str, ...]) -> int | float | None:
    found = number_in(declared.group, *names)
    return number_in(declared.parent, *names) if found is None else found
