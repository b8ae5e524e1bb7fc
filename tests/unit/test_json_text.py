"""JSON that comes in is bounded and strict, in one place for all of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.settings import MOST_TITLE, Settings
from donki.errors import InputError
from donki.json_text import MOST_BYTES, MOST_DEPTH, parse_json, parse_object, to_json
from donki.player.trigger import parse_trigger
from donki.run import Run
from donki_client.facility.device_server import DeviceServer
from donki_client.topics.kafka_options import read_kafka_options

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

LEAF = st.sampled_from(['"["', '"\\\\"', '"\\""', "1", "-0.5e3", "null", '"]}"', '"é"', '"\\ud83d\\ude00"'])

#: Every text that becomes JSON, and how it is put there.
ENTRIES = {
    "RunMetadata": lambda text: Settings().set_metadata(text),
    "Parameters": lambda text: parse_object("Parameters", text, "{}"),
    "Run": lambda text: Run.from_json('{"id": "a", "metadata": ' + text + "}"),
    "Trigger": lambda text: parse_trigger('{"trigger": 1, "run": ' + text + "}"),
    "KafkaOptions": lambda text: read_kafka_options(text if text.startswith("{") else '{"a": ' + text + "}"),
}

WRONG = {
    "NaN": "NaN is not JSON",
    "-Infinity": "-Infinity is not JSON",
    "1e999": "larger than any",
    '{"a": 1, "a": 2}': "'a' is there twice",
    '"\\ud800"': "surrogate",
    '"\ud800"': "surrogate",
    "[" * 5000 + "]" * 5000: "nested",
    '"' + "x" * 5 * MOST_BYTES + '"': "bytes; the most is",
    "[" * 900_000: "nested",
}


def nest(depth: int, leaf: str, objects: list[bool]) -> str:
    opening = ['{"[": ' if is_object else "[1, " for is_object in objects]
    closing = ["}" if is_object else "]" for is_object in objects]
    which = [number % len(objects) for number in range(depth)]
    return "".join(opening[i] for i in which) + leaf + "".join(closing[i] for i in reversed(which))


@given(VALUES)
def test_what_is_json_is_read_as_it_is(value):
    assert parse_json(json.dumps(value)) == json.loads(json.dumps(value))
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


@given(st.integers(1, 3 * MOST_DEPTH), LEAF, st.lists(st.booleans(), min_size=1, max_size=5))
def test_the_depth_is_that_of_brackets_outside_of_texts(depth, leaf, objects):
    text = nest(depth, leaf, objects)
    if depth <= MOST_DEPTH:
        assert parse_json(text) == json.loads(text)
    else:
        with pytest.raises(ValueError, match=f"nested {depth} deep; the most is {MOST_DEPTH}"):
            parse_json(text)


@settings(max_examples=20)
@given(st.integers(-3, 3), st.sampled_from("xé€"))
def test_the_size_is_that_of_utf_8(more, letter):
    many, left = divmod(MOST_BYTES + more - 2, len(letter.encode()))
    text = '"' + letter * many + "x" * left + '"'
    if more <= 0:
        assert len(parse_json(text)) == many + left
    else:
        with pytest.raises(ValueError, match=f"it has {MOST_BYTES + more} bytes; the most is {MOST_BYTES}"):
            parse_json(text)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_every_entry_refuses_what_is_wrong_in_one_line(entry, text):
    with pytest.raises(InputError) as refused:
        ENTRIES[entry](text)
    said = str(refused.value)
    assert len(said) < 600
    assert "\n" not in said
    if entry != "Trigger":
        assert WRONG[text] in said


@pytest.mark.parametrize(
    "text", ["{}", '{"a": [1, 2.5, null, "\\u00e9", "\\ud83d\\ude00"]}', nest(100, "1", [True])]
)
def test_a_run_carries_any_metadata_that_a_director_takes(text):
    chosen = Settings()
    chosen.set_metadata(text)
    run = Run.new("t", chosen.read_metadata())
    assert Run.from_json(run.to_json()) == run


def test_a_run_carries_as_much_metadata_as_a_director_takes():
    chosen = Settings()
    chosen.set_metadata(json.dumps({"a": "é" * 490_000}, ensure_ascii=False))
    run = Run.new("é" * MOST_TITLE, chosen.read_metadata())
    assert Run.from_json(run.to_json()) == run


def test_a_title_has_a_bound():
    with pytest.raises(InputError, match=f"RunTitle: at most {MOST_TITLE} characters; got 200000000"):
        Settings().set_title("x" * 200_000_000)


def test_numbers_and_arrays_of_numpy_are_numbers_and_lists():
    given = {"a": np.int64(3), "b": np.float32(0.5), "c": np.arange(4).reshape(2, 2), "d": np.bool_(True)}
    assert json.loads(to_json("x", given)) == {"a": 3, "b": 0.5, "c": [[0, 1], [2, 3]], "d": True}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        np.float64("inf"),
        np.array([1.0, np.nan]),
        {1: 2, "1": 3},
        pytest.param(object(), id="object"),
        {(1, 2): 3},
        "\ud800",
        {1j},
    ],
    ids=repr,
)
def test_what_cannot_be_json_is_refused_by_name(value, tmp_path):
    with pytest.raises(InputError, match="metadata: cannot be JSON: "):
        to_json("metadata", {"a": value})
    (tmp_path / "s.py").touch()
    with pytest.raises(InputError, match="parameters: cannot be JSON: "):
        DeviceServer.player("p", tmp_path / "s.py", parameters={"a": value})
