"""What a Player may answer, as it should be, and as a broken, hostile or newer one would."""

from __future__ import annotations

import copy
import json
import math
import random

#: A CRC-32C in base 64.
CHECKSUM = "qrvM3Q=="

REPORT = {
    "trigger": 1,
    "attempt": 1,
    "duration": 0.001,
    "events": 12,
    "messages": 1,
    "bytes": 100,
    "manifest": {
        "brokers": "localhost:9092",
        "extents": [["detector", 0, 0, 7]],
        "sent": [["detector", "panel", 12, 100, 12, CHECKSUM]],
        "measured": [["detector", "panel", 12, 100, 12, CHECKSUM], ["detector", "other", 0, 0, 0, ""]],
        "faults": [[1, "drop", "detector", "panel", 1, "not sent", 77]],
    },
}
STREAMS = [
    {"schema": "ev44", "topic": "detector", "source": "panel"},
    {
        "schema": "ev44",
        "topic": "detector",
        "source": "bank",
        "layout": {
            "shape": [2, 2],
            "detector_number": [1, 2, 3, 4],
            "offsets": {"x_pixel_offset": {"axes": [1], "values": [-0.5, 0.5]}},
            "unit": "m",
            "position": [0.0, 0.0, 5.0],
        },
    },
    {"schema": "f144", "topic": "motion", "source": "T", "layout": {"unit": "K"}},
    {
        "schema": "ad00",
        "topic": "camera",
        "source": "eye",
        "layout": {"unit": "counts", "shape": [4, 4], "dtype": "uint16"},
    },
    {
        "schema": "da00",
        "topic": "monitor",
        "source": "m1",
        "layout": {
            "shape": [3],
            "dtype": "float64",
            "unit": "counts",
            "axes": ["tof"],
            "coordinates": {"tof": {"shape": [4], "dtype": "float64", "unit": "ns"}},
        },
    },
]
OUTPUT = {"run": "r", "files": ["a.nxs"], "streams": STREAMS, "manifest": REPORT["manifest"]}
RUN = {"id": "r", "title": "", "metadata": {}, "seed": 0, "director": ""}

#: Values of other kinds, sizes and depths than anybody expects.
ODD = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**70, -(2**70), 10**400),
    *(0.5, -0.0, 1e308, math.nan, math.inf, -math.inf),
    *("", "x", "1", "a\0b", "\ud800", "λ", "20 °C", "../../x", "x" * 100_000, "\n\x1b[31m", "=="),
    *([], [[]], {}, {"": None}, [1, 2, 3], ["a"] * 7, {"trigger": 1}, [None] * 20_000),
]
#: Texts that are no JSON, or hardly.
GARBAGE = [
    "",
    " ",
    "{",
    "[",
    "null",
    "NaN",
    "1",
    '"x"',
    "[]",
    "{}",
    "λ",
    "\0",
    "[" * 100_000,
    '{"a":' * 5_000,
]


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the paths to all that a JSON value holds, itself too."""
    found = [path]
    if isinstance(value, dict):
        found += [deeper for key in value for deeper in places(value[key], (*path, key))]
    elif isinstance(value, list):
        found += [deeper for at, item in enumerate(value) for deeper in places(item, (*path, at))]
    return found


def altered(rng: random.Random, good: object) -> object:
    """Return a copy of a JSON value in which one place is something else, is missing or is there twice."""
    whole = {"": copy.deepcopy(good)}
    *way, last = ("", *rng.choice(places(good)))
    holder = whole
    for key in way:
        holder = holder[key]
    deed = rng.choice(["other", "other", "other", "missing", "twice", "unknown"])
    if deed == "missing" and way:
        del holder[last]
    elif deed == "twice" and isinstance(holder, list):
        holder.append(holder[last])
    elif deed == "unknown" and isinstance(holder[last], dict):
        holder[last]["of_another_version"] = rng.choice(ODD)
    else:
        holder[last] = rng.choice(ODD)
    return whole[""]


def hostile_text(rng: random.Random, good: object) -> str:
    """Return a text in place of the JSON of a good answer."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(GARBAGE)
    text = json.dumps(altered(rng, good))
    if kind < 0.25:
        cut = rng.randrange(len(text) + 1)
        return text[:cut] if rng.random() < 0.5 else text[:cut] + rng.choice('{}[]",:0-e\\ \0λ') + text[cut:]
    return text
