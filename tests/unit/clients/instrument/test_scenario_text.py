"""The scenario of an instrument: a text that people read, and that says what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki_client.instrument.declared import Unmapped
from donki_client.instrument.mapping import Mapping
from donki_client.instrument.planned import Planned
from donki_client.instrument.scenario_text import WIDTH, scenario_text
from donki_client.scenario.yaml_document import read_document

LOG = {"topic": "logs", "source": "PV", "units": "K", "signal": "constant", "value": 0.5}


def planned(parameters, **settings):
    return Planned("logs", "instrument/logs.py", ["What it plays"], parameters, [], **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenarios")


def read(folder, text):
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    document = read_document(file)
    assert not document.problems
    return document.content


def test_a_log_is_a_line_and_what_is_longer_is_several(folder):
    long = {f"key_{number}": {"source": "x" * 30} for number in range(5)}
    text = scenario_text(Mapping("LOKI", [planned({"logs": {"T": LOG, "long": long}})], []), "loki_like.nxs")
    lines = text.splitlines()
    assert "        T: {topic: logs, source: PV, units: K, signal: constant, value: 0.5}" in lines
    assert "          key_0: {source: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}" in lines
    assert "  # What it plays" in lines
    assert max(map(len, lines)) <= WIDTH
    assert read(folder, text)["players"]["logs"]["parameters"] == {"logs": {"T": LOG, "long": long}}


def test_what_is_not_played_is_in_the_scenario_too():
    unmapped = [
        Unmapped("/entry/x", "hs01", "no bundled script plays hs01"),
        Unmapped("/a\nb", "", "a line\n#"),
    ]
    text = scenario_text(Mapping("", [planned({})], unmapped), "x.json")
    assert text.endswith(
        "\n# Not played:\n#   /entry/x (hs01): no bundled script plays hs01\n#   /a\\nb: a line\\n#\n"
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=50, deadline=None)
@given(
    name=TEXTS, file=TEXTS, source=TEXTS, units=TEXTS, value=st.floats(allow_nan=False, allow_infinity=False)
)
def test_whatever_texts_a_description_has_they_are_read_back(folder, name, file, source, units, value):
    log = {"source": source, "units": units, "value": value}
    text = scenario_text(
        Mapping(name, [planned({"file": file, "logs": {"a": log}}, reads_file=True)], []), file
    )
    content = read(folder, text)
    player = content["players"]["logs"]
    assert player["parameters"] == {"file": file, "logs": {"a": log}}
    assert player["data_path"] == ["."]
    assert content["title"].encode("latin-1")
