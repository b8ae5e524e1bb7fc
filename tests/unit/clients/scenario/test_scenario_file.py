"""Scenarios in YAML: what is read, and how each mistake is reported."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from donki.errors import InputError
from donki.limits import OnError
from donki.player.script.path import shipped_scripts
from donki_client.scenario.file import find_scenario, from_environment, instance_name, read_scenario
from donki_client.scenario.model import (
    Scenario,
    ScenarioFiles,
    ScenarioFileWriter,
    ScenarioPlayer,
    schema_text,
)

SCENARIOS = shipped_scripts() / "scenarios"
HEAD = "triggers: 10\nplayers:\n  p:\n    script: s.py\n"


@pytest.fixture
def read(tmp_path):
    """Read a scenario from text, in a folder with the script s.py."""
    (tmp_path / "s.py").write_text("def action(trigger): ...\n")

    def read(text):
        (tmp_path / "x.yaml").write_text(text)
        return read_scenario(tmp_path / "x.yaml")

    return read


@pytest.fixture
def problems(read, tmp_path):
    """The problems of a scenario: line, column and text of each."""

    def problems(text):
        with pytest.raises(InputError) as error:
            read(text)
        lines = str(error.value).splitlines()
        if len(lines) > 1:
            assert lines.pop(0) == f"{tmp_path}/x.yaml has {len(lines)} problems:"
        places = [line.removeprefix(f"{tmp_path}/x.yaml:").split(":", 2) for line in lines]
        return [(int(line), int(column), text.strip()) for line, column, text in places]

    return problems


def test_everything_that_can_be_said_is_read(read, tmp_path):
    scenario = read(
        "title: a night\nmetadata: {proposal: 7, parts: [1, 2.5, x, null, true]}\nseed: 5\ntriggers: 10\n"
        "period: 71.4 ms\nbroker: localhost:9092\ndatabase: localhost:10000\nhdf5: data\nplayers:\n  p:\n"
        "    script: s.py\n    parameters: {events: 1e3}\n    priority: 2\n    timeout: 2 s\n"
        "    on_error: RETRY\n    retries: 3\n    values_topic: logs\n    duration: 30 ms\n"
    )
    assert scenario.metadata == {"proposal": 7, "parts": [1, 2.5, "x", None, True]}
    assert (scenario.title, scenario.seed, scenario.triggers) == ("a night", 5, 10)
    assert scenario.trigger_period == 0.0714
    assert scenario.hdf5 == ScenarioFiles(folder=tmp_path / "data")
    player = scenario.players["p"]
    assert player.script == tmp_path / "s.py"
    assert (player.priority, player.timeout, player.on_error, player.retries) == (2, 2.0, "RETRY", 3)
    assert (player.parameters, player.values_topic, player.duration) == ({"events": 1000.0}, "logs", 0.03)


def test_a_kafka_client_that_is_not_installed_is_named_with_the_remedy(problems, monkeypatch):
    monkeypatch.delitem(sys.modules, "donki.streams.kafka.clients.confluent", raising=False)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    [(line, column, text)] = problems(f"kafka_client: confluent-kafka\n{HEAD}")
    assert (line, column) == (1, 15)
    assert "pip install 'donkiorchestra[fast]'" in text


def test_faults_are_the_rules_that_the_player_gets(read):
    scenario = read(
        f"{HEAD}    parameters: {{events: 5}}\n    faults:\n      - {{kind: drop, rate: 0.1}}\n"
        "      - {kind: clock_jump, triggers: [3, 5-9], offset: -3 ms, topic: t, source: s}\n"
    )
    jump = {"kind": "clock_jump", "triggers": [3, "5-9"], "offset": -0.003, "topic": "t", "source": "s"}
    faults = [{"kind": "drop", "rate": 0.1}, jump]
    assert [fault.as_rule() for fault in scenario.players["p"].faults] == faults


@pytest.mark.parametrize(
    ("fault", "column", "said"),
    [
        ("{kind: dropp, rate: 1}", 10, "faults.0.kind: one of drop, "),
        ("{rate: 1}", 9, "faults.0.kind is missing; for example kind: drop"),
        ("{kind: drop, rate: 2}", 22, "faults.0.rate: a probability above 0 and at most 1; got 2"),
        ("{kind: drop, rate: 1, lenght: 2}", 31, "faults.0.lenght: unknown; a fault of kind drop has"),
        ("{kind: silence, rate: 1, lenght: 2}", 34, "source, length; did you mean length?"),
        ("{kind: clock_jump, rate: 1}", 9, "faults.0: offset: a number of s"),
        ("{kind: clock_offset, offset: 3 Hz}", 30, "faults.0.offset: 'Hz' is no unit of time"),
    ],
)
def test_a_wrong_fault_is_named_where_it_stands(problems, fault, column, said):
    [(line, place, text)] = problems(f"{HEAD}    faults:\n      - {fault}\n")
    assert (line, place) == (6, column)
    assert said in text


TWO = "triggers: 10\nplayers:\n  p: {{script: s.py, {}}}\n  q: {{script: s.py, {}}}\n"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("server: a/b", "priority: 0", "players.p.server: the instance name of a Tango server has letters"),
        ("server: -a", "priority: 0", "a letter or digit first, at most 200 in all; got '-a'"),
        (f"server: {'a' * 201}", "priority: 0", "at most 200 in all; got 'aaa"),
        (
            "server: a, host: h",
            "server: a",
            "its server 'a' holds 'p' too, on host 'h'; a server is on one host",
        ),
        (
            "server: Bank",
            "server: bank",
            "its server 'bank' is 'Bank', that of 'p', to Tango, which ignores case",
        ),
        (
            "server: q",
            "priority: 0",
            "the server 'q' is named after Player 'q', which names none; have it say server: q",
        ),
        (
            "priority: 0",
            "server: P",
            "the server 'p' is named after Player 'p', which names none; have it say server: P",
        ),
    ],
)
def test_a_wrong_server_is_named_with_the_remedy(problems, first, second, said):
    [(line, _, text)] = problems(TWO.format(first, second))
    assert line in (3, 4)
    assert said in text


def test_a_server_may_be_called_as_the_director_s_is(read):
    assert read(TWO.format("server: x", "server: x")).players["q"].server == "x"
    assert read(TWO.format("server: p", "server: p")).players["p"].server == "p"


def test_two_players_of_one_name_are_refused(problems):
    [(line, _, text)] = problems(f"{HEAD}  P: {{script: s.py}}\n")
    assert (line, text) == (5, "players.P: Player 'P' is 'p' to Tango, which ignores case; rename one")
    assert [line for line, _, text in problems(f"{HEAD}  p: {{script: s.py}}\n") if "p" in text] == [5]


def test_faults_are_said_once(problems):
    [(_, _, text)] = problems(
        f"{HEAD}    parameters: {{faults: []}}\n    faults:\n      - {{kind: drop, rate: 1}}\n"
    )
    assert text == "players.p.faults: the parameters have faults too; keep them in one place"
    [(_, _, text)] = problems(f"{HEAD}    parameters: {{faults: [{{kind: drop}}]}}\n")
    assert text.startswith("players.p.parameters: faults[0]: says neither rate nor triggers")


def test_a_rate_gives_whole_nanoseconds(read):
    assert read(f"rate: 14 Hz\n{HEAD}").trigger_period == 71_428_571e-9
    assert read(f"rate: 0\n{HEAD}").trigger_period == 0
    assert read(HEAD).trigger_period == 0


def test_a_script_that_is_not_beside_the_scenario_is_one_that_comes_along(read):
    scenario = read("triggers: 1\nplayers: {p: {script: run_player_0.py}}\n")
    assert scenario.players["p"].script == shipped_scripts() / "run_player_0.py"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (f"titel: x\n{HEAD}", 1, 1, "unknown key 'titel'; did you mean title?"),
        (f"title: 5 Å – ice\n{HEAD}", 1, 8, "title: Tango takes the letters of Latin-1 alone, not '–'"),
        (f"{HEAD}    timout: 1 s\n", 5, 5, "unknown key 'timout'; did you mean timeout?"),
        (f"{HEAD}    xyzzy: 1\n", 5, 5, "unknown key 'xyzzy'; the keys are script, parameters, priority"),
        (f"seed: -1\n{HEAD}", 1, 7, "seed: a whole number from 0 to 2**63 - 1; got -1"),
        (f"seed: 1.5\n{HEAD}", 1, 7, "seed: expected a whole number; got 1.5"),
        (
            HEAD.replace("10", "0"),
            1,
            11,
            "triggers: a whole number from 1 to 999999999999, or -1 for",
        ),
        (HEAD.replace("10", "yes"), 1, 11, "triggers: expected a whole number; got 'yes'"),
        (HEAD.replace("10", "true"), 1, 11, "triggers: expected a whole number; got True"),
        (f"rate: 14 ms\n{HEAD}", 1, 7, "rate: 'ms' is no unit of rate (that is a time)"),
        (f"rate: -1\n{HEAD}", 1, 7, "rate: from 1/86400 Hz to 1 MHz"),
        (f"period: 2 days\n{HEAD}", 1, 9, "period: 'days' is no unit of time; the units are ns, us"),
        (f"period: 25 h\n{HEAD}", 1, 9, "period: seconds from 0"),
        (f"period: 1\nrate: 1\n{HEAD}", 1, 1, "period: the rate is given too; leave one out"),
        (
            f"kafka_client: librdkafka\n{HEAD}",
            1,
            15,
            "kafka_client: a Kafka client is kafka-python or confluent-kafka; got ",
        ),
        (f"broker: localhost:99999\n{HEAD}", 1, 9, "broker: a Kafka broker is given as host:port"),
        (f"broker: a:1, SSL://b:2\n{HEAD}", 1, 9, "broker: the Kafka broker 'SSL://b:2' is named with SSL"),
        (f"database: localhost\n{HEAD}", 1, 11, "database: address 'localhost': HOST:PORT is expected"),
        (f"hdf5: 3\n{HEAD}", 1, 7, "hdf5: expected the name of a file or folder; got 3"),
        (f"hdf5: {{triggers: 5}}\n{HEAD}", 1, 7, "hdf5.folder is missing; for example folder: data"),
        (
            f"hdf5: {{folder: a, file: b}}\n{HEAD}",
            1,
            19,
            "unknown key 'file'; did you mean folder?",
        ),
        (f"hdf5: {{folder: a, name: b}}\n{HEAD}", 1, 25, "hdf5.name: a pattern of file names as"),
        (f"hdf5: {{folder: a, triggers: -1}}\n{HEAD}", 1, 29, "hdf5.triggers: triggers in a file: 1 or more"),
        (
            f"hdf5: {{folder: a, compression: zip}}\n{HEAD}",
            1,
            32,
            "hdf5.compression: compression 'zip'",
        ),
        (f"{HEAD}    aliases: {{T: a/b}}\n", 5, 14, "players.p.aliases: an alias is written name=alias"),
        (f"metadata: [1]\n{HEAD}", 1, 11, "metadata: expected a mapping, key: value; got [1]"),
        (f"metadata: {{a: .nan}}\n{HEAD}", 1, 15, ".nan is no finite number"),
        (
            f"metadata: {{a: !!python/name:os.system x}}\n{HEAD}",
            1,
            15,
            "the tag tag:yaml.org,2002:python/name",
        ),
        (f"metadata: {{a: {'[' * 120}{']' * 120}}}\n{HEAD}", 1, 11, "cannot be JSON: it is nested 121 deep"),
        (f"metadata: {{a: {'x' * 10**6}}}\n{HEAD}", 1, 11, "bytes; the most is 1000000"),
        (f"{HEAD}    parameters: {{a: {'x' * 10**6}}}\n", 5, 17, "bytes; the most is 1000000"),
        (f"{HEAD}    priority: high\n", 5, 15, "players.p.priority: expected a whole number; got 'high'"),
        (f"{HEAD}    priority: -2\n", 5, 15, "players.p.priority: a whole number from 0, or -1"),
        (f"{HEAD}    priority: -1\n", 3, 3, "players: every Player is disabled"),
        (f"{HEAD}    timeout: 0 s\n", 5, 14, "players.p.timeout: from 0.001 s to 86400 s; got 0.0"),
        (f"{HEAD}    on_error: skip\n", 5, 15, "got 'skip'; did you mean SKIP?"),
        (f"{HEAD}    retries: 3\n", 5, 5, "players.p.retries: counts only with on_error: RETRY"),
        (f"{HEAD}    on_error: RETRY\n", 5, 5, "players.p.on_error: RETRY needs retries: 1 or more"),
        (f"{HEAD}    values_topic: a b\n", 5, 19, "players.p.values_topic: Kafka topic 'a b' cannot be made"),
        (f"{HEAD}    readout: localhost\n", 5, 14, "players.p.readout: readouts go to a HOST:PORT, as 127"),
        (f"{HEAD}  p: {{script: s.py}}\n", 5, 3, "'p' is there already, in line 3"),
        (f"{HEAD}  P: {{script: s.py}}\n", 5, 3, "players.P: Player 'P' is 'p' to Tango, which ignores case"),
        (f"{HEAD}  a b: {{script: s.py}}\n", 5, 3, "'a b' is no name of a Player"),
        (f"{HEAD}  q: s.py\n", 5, 6, "players.q: expected a mapping, key: value; got 's.py'"),
        (f"{HEAD}  q: {{priority: 1}}\n", 5, 6, "players.q.script is missing; for example script: run_play"),
        (HEAD.replace("s.py", "5"), 4, 13, "players.p.script: expected the name of a file or folder; got 5"),
        (HEAD.replace("s.py", "nowhere.py"), 4, 13, "players.p.script: there is no file"),
        ("triggers: 1\nplayers: {}\n", 2, 10, "players: there is no Player"),
        ("triggers: 1\n", 1, 1, "players is missing"),
        ("", 1, 1, "the file is empty; a scenario says at least triggers and players"),
        ("- 1\n", 1, 1, "the file is no mapping"),
        ("title: [\n", 2, 1, "is no YAML: while parsing"),
        ("a: 1\n\tb: 2\n", 2, 1, "indent with spaces"),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_a_remedy(problems, text, line, column, message):
    [(at_line, at_column, said)] = problems(text)
    assert message in said
    assert (at_line, at_column) == (line, column)


def test_all_mistakes_are_reported_at_once_in_order(problems):
    found = problems(f"seed: -1\nrate: 14 ms\n{HEAD}    timout: 1\n    priority: x\n")
    assert [line for line, *_ in found] == [1, 2, 7, 8]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def action(trigger:\n", "t.py, line 1: '(' was never closed"),
        ("def acton(trigger): ...\n", "has no function action(trigger); add one"),
        ("x = '\0'\n", "t.py cannot be read: source code string cannot contain null bytes"),
    ],
)
def test_a_script_that_cannot_be_used_is_reported_at_its_name(problems, tmp_path, script, message):
    (tmp_path / "t.py").write_text(script)
    [(line, column, said)] = problems(HEAD.replace("s.py", "t.py"))
    assert (line, column) == (4, 13)
    assert message in said


def test_no_script_is_executed(read, tmp_path):
    (tmp_path / "t.py").write_text("raise SystemExit\ndef action(trigger): ...\n")
    read(HEAD.replace("s.py", "t.py"))


@pytest.mark.parametrize("script", ["from s import *\n", "from s import action\n", "action = print\n"])
def test_an_action_may_come_from_elsewhere(read, tmp_path, script):
    (tmp_path / "t.py").write_text(script)
    read(HEAD.replace("s.py", "t.py"))


def test_aliases_that_stand_for_billions_of_values_are_refused(read):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(InputError, match="holds more than 100000 values"):
        read("\n".join(lines))


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "[" * 1000])
def test_what_contains_itself_or_is_too_deep_is_refused(read, text):
    with pytest.raises(InputError, match=r"x\.yaml"):
        read(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read: No such file"):
        read_scenario(tmp_path / "nowhere.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(InputError, match=r"bytes\.yaml: is no UTF-8 text"):
        read_scenario(tmp_path / "bytes.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet="ab: -[]{}&*!|>'\"\n\t#,%@0.s", max_size=60))
def test_any_text_is_a_scenario_or_an_input_error(read, text):
    with suppress(InputError):
        read(text)


def test_a_scenario_that_comes_along_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_scenario(Path("loki.yaml")) == SCENARIOS / "loki.yaml"
    Path("loki.yaml").touch()
    assert find_scenario(Path("loki.yaml")) == Path("loki.yaml")
    for nowhere in ("nowhere.yaml", "here/faulty_night.yaml"):
        with pytest.raises(InputError, match=r"no such file; the bundled scenarios are faulty_night\.ya"):
            find_scenario(Path(nowhere))


def test_the_environment_names_what_the_scenario_does_not(read):
    environment = {"TANGO_HOST": "here:10000", "DONKI_BROKER": "there:9092"}
    named = from_environment(read(HEAD), environment)
    assert (named.database, named.broker) == ("here:10000", "there:9092")
    said = from_environment(read(f"database: own:1\nbroker: own:2\n{HEAD}"), environment)
    assert (said.database, said.broker) == ("own:1", "own:2")
    several = "PLAINTEXT://a:1, [::1]:2"
    assert from_environment(read(HEAD), {"DONKI_BROKER": several}).broker == several
    assert read(f"broker: {several}\n{HEAD}").broker == several
    with pytest.raises(InputError, match="the environment variable DONKI_BROKER: a Kafka broker is given"):
        from_environment(read(HEAD), {"DONKI_BROKER": "kafka://a:1"})
    with pytest.raises(InputError, match="the environment variable TANGO_HOST: address 'a:1,b:2'"):
        from_environment(read(HEAD), {"TANGO_HOST": "a:1,b:2"})


@pytest.mark.parametrize(
    ("file", "name"),
    [("loki.yaml", "loki"), ("my night.yaml", "my_night"), ("-x.yaml", "x"), ("ä.yaml", "scenario")],
)
def test_the_server_is_named_after_the_file(tmp_path, file, name):
    assert instance_name(tmp_path / file) == name


def test_the_policies_are_those_of_the_player():
    annotation = ScenarioPlayer.model_fields["on_error"].annotation
    assert list(get_args(annotation)) == [policy.name for policy in OnError]


def test_the_schema_that_comes_along_is_current():
    assert (SCENARIOS / "scenario.schema.json").read_text() == f"{schema_text()}\n"


def test_files_have_a_section_of_their_own(read, tmp_path):
    section = "{folder: data, name: '{run}_{player}_{first}.nxs', triggers: 100, compression: lzf}"
    files = read(f"hdf5: {section}\n{HEAD}    aliases: {{T: sample_temperature}}\n").hdf5
    assert files == ScenarioFiles(
        folder=tmp_path / "data", name="{run}_{player}_{first}.nxs", triggers=100, compression="lzf"
    )


def test_the_schema_describes_every_key():
    described = json.loads(schema_text())
    for model, properties in (
        (Scenario, described["properties"]),
        (ScenarioPlayer, described["$defs"]["ScenarioPlayer"]["properties"]),
        (ScenarioFiles, described["$defs"]["ScenarioFiles"]["anyOf"][1]["properties"]),
    ):
        assert set(properties) == set(model.model_fields)
        assert all(entry.get("description") for entry in properties.values())


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_scenarios_that_come_along_are_valid_and_name_the_schema(path):
    assert read_scenario(path).title
    assert path.read_text().startswith("# yaml-language-server: $schema=scenario.schema.json\n")


def test_file_writers_are_a_topic_or_a_section(read, tmp_path):
    assert read(HEAD).file_writer is None
    assert read(f"file_writer: runs\n{HEAD}").file_writer == ScenarioFileWriter(topic="runs")
    (tmp_path / "own.json").write_text('{"children": []}')
    section = "{topic: runs, pool: jobs, policy: WARN, timeout: 1 min, structure: own.json, instrument: loki}"
    assert read(f"file_writer: {section}\n{HEAD}").file_writer == ScenarioFileWriter(
        topic="runs",
        pool="jobs",
        policy="WARN",
        timeout=60.0,
        structure=tmp_path / "own.json",
        instrument="loki",
    )


@pytest.mark.parametrize(
    ("section", "column", "said"),
    [
        ("{topic: a b}", 22, "file_writer.topic: "),
        ("{pool: jobs}", 14, "file_writer.topic is missing; for example topic: loki_filewriter"),
        ("{topic: runs, policy: warn}", 36, "did you mean WARN?"),
        ("{topic: runs, timeout: 1.5 s}", 37, "file_writer.timeout: whole seconds are accepted; got 1.5 s"),
        ("{topic: runs, timeout: 0 s}", 37, "FileWriterTimeout: from 1 s to 86400 s; got 0"),
        ("{topic: runs, structure: gone.json}", 39, "gone.json cannot be read: No such file"),
        ("{topic: runs, timeuot: 5}", 28, "unknown key 'timeuot'; did you mean timeout?"),
    ],
)
def test_what_is_wrong_of_file_writers_is_named(problems, section, column, said):
    ((line, found, text),) = problems(f"file_writer: {section}\n{HEAD}")
    assert (line, found) == (1, column)
    assert said in text
