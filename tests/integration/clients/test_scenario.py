"""`donki run` and `donki check`: whole experiments from files."""

from __future__ import annotations

import json
import re
import shutil

import h5py
import pytest

from donki.director.journal.reading.reader import JournalReader
from donki.player.script.path import shipped_scripts
from donki_client.facility.servers import connect
from helpers.brokers import new_broker
from helpers.doc_examples import ROOT, examples
from helpers.donki_command import Command, all_gone, descendants, press_ctrl_c, read_until
from helpers.file_writer import FOLDER, Behaviour, FileWriter
from helpers.kafka_clients import new_topic
from helpers.readouts import Unit, a_receiver
from helpers.support import free_port

SCENARIOS = shipped_scripts() / "scenarios"


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


@pytest.fixture
def write(tmp_path):
    """Write a scenario of one Player with a script of one's own, and return its path."""

    def write(script, head="triggers: 5", tail="", name="own.yaml"):
        (tmp_path / "own.py").write_text(script)
        path = tmp_path / name
        path.write_text(f"{head}\nplayers:\n  p:\n    script: own.py\n{tail}")
        return str(path)

    return write


ACTS = "def action(trigger):\n    return {'x': float(trigger)}\n"


def row(output, player):
    [line] = [line for line in output.splitlines() if line.startswith(f"{player} ")]
    return line.split()[1:]


@pytest.mark.parametrize(("name", "order"), [("parallel", "all at once"), ("series", "one after the other")])
def test_the_kafka_example(command, name, order):
    done = command.run("run", str(SCENARIOS / f"kafka_{name}.yaml"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"Players         3, {order}" in done.stdout
    for number in range(3):
        priority, triggers, sent, arrived, *_ = row(done.stdout, f"player{number}")
        assert (priority, triggers) == (str(number if name == "series" else 0), "100")
        assert sent == arrived
    assert re.search(r"all 3,\d{3},\d{3} events arrived at Kafka", done.stdout)


def test_loki_streams_events_and_logs_and_is_known_afterwards(command):
    path = str(SCENARIOS / "loki.yaml")
    before = command.run("check", path)
    assert re.search(r"detector +0 +25.0 +25.0 +- +- the file", before.stdout)
    done = command.run("run", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert row(done.stdout, "detector")[1:4] == ["140", "7,000,000", "7,000,000"]
    assert re.search(r"all 7,1\d\d,\d{3} events and 420 values arrived at Kafka", done.stdout)
    [run] = re.findall(r"Run +(\S+), LoKI-like", done.stdout)
    after = command.run("check", path)
    assert after.returncode == 0
    assert re.search(rf"detector .* 50,000 +[\d.]+ {run}", after.stdout)
    assert re.search(r"140 triggers in \d+\.\d s", after.stdout)
    assert "To Kafka in all: about 7,1" in after.stdout


def test_a_faulty_night_is_played_to_its_end(command):
    done = command.run("run", str(SCENARIOS / "faulty_night.yaml"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    # The seed decides which triggers fail.
    assert "Player thermometer missed 25 triggers" in done.stdout
    assert "Player camera was left out after it failed" in done.stdout
    assert row(done.stdout, "motor")[1:3] == ["100", "0"]
    assert re.search(r"arrived at Kafka, with the \d+ faults put in on purpose", done.stdout)
    priority, triggers, missed, sent, arrived, *_ = row(done.stdout, "detector")
    assert (priority, triggers, missed) == ("1", "100", "0")
    assert sent == arrived


def test_title_metadata_seed_and_files_reach_the_player(command, write, tmp_path):
    head = 'title: of ice\nmetadata: {proposal: 7}\nseed: 11\ntriggers: 3\nperiod: 20 ms\nhdf5: "made/here"'
    path = write(
        "import json, pathlib\n"
        "def action(trigger, player):\n"
        "    run = player.run\n"
        "    said = [run.title, dict(run.metadata), run.seed, player.parameters]\n"
        "    pathlib.Path(__file__).with_name('said.json').write_text(json.dumps(said))\n"
        "    return {'x': float(trigger)}\n",
        head,
        "    parameters: {a: {b: [1, null]}}\n",
    )
    done = command.run("run", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = json.loads((tmp_path / "said.json").read_text())
    assert said == ["of ice", {"proposal": 7}, 11, {"a": {"b": [1, None]}}]
    [file] = (tmp_path / "made" / "here").iterdir()
    with h5py.File(file) as data:
        assert data["p/x"][:].tolist() == [1.0, 2.0, 3.0]


def test_a_new_file_each_so_many_triggers_is_read_back_too(command, write, tmp_path):
    section = "{folder: files, name: '{run}_{player}_{first:03d}.nxs', triggers: 2, compression: gzip}"
    path = write(
        "def setup(player):\n    global stream\n    stream = player.events('t', 's')\n"
        "def action(trigger):\n"
        "    stream.send(trigger, [1, 2, 3], [1, 2, 3])\n"
        "    return {'x': float(trigger)}\n",
        f"triggers: 5\nhdf5: {section}",
        "    aliases: {x: position}\n    values_topic: logs\n",
    )
    done = command.run("run", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    _, triggers, sent, arrived, stored, *_ = row(done.stdout, "p")
    assert (triggers, sent, arrived, stored) == ("5", "15", "15", "15")
    files = sorted((tmp_path / "files").iterdir())
    assert [path.name.rpartition("_")[2] for path in files] == ["001.nxs", "003.nxs", "005.nxs"]
    found = []
    for file in files:
        with h5py.File(file) as data:
            found += data["p/position"][:].tolist()
            assert data["entry/instrument/s/s_events/event_id"].compression == "gzip"
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_script_that_fails_fails_the_run_by_name_but_what_it_sent_is_accounted_for(command, write):
    path = write("def action(trigger):\n    if trigger == 3:\n        raise ValueError('no beam')\n")
    done = command.run("run", path)
    assert done.returncode == 1
    assert "the sequence failed: Player p, trigger 3:" in done.stdout
    assert "own.py, line 3: action failed: ValueError: no beam" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_script_that_cannot_be_loaded_is_to_be_mended(command, write):
    done = command.run("run", write("import nmupy\ndef action(trigger): ...\n"))
    assert done.returncode == 1
    assert "own.py, line 1: cannot be loaded: ModuleNotFoundError: No module named 'nmupy'" in done.stderr
    assert "mend the script" in done.stderr


def test_events_of_a_failed_action_are_at_kafka_and_not_in_the_file(command, write):
    path = write(
        "import numpy as np\n"
        "def setup(player):\n    global stream\n    stream = player.events('t', 's')\n"
        "def action(trigger):\n"
        "    stream.send(trigger, np.arange(10), np.arange(10))\n"
        "    if trigger in (2, 4):\n        raise ValueError('after the fact')\n",
        "triggers: 5\nhdf5: data",
        "    on_error: SKIP\n",
    )
    done = command.run("run", path)
    assert done.returncode == 0, done
    _, triggers, missed, sent, arrived, stored, *_ = row(done.stdout, "p")
    assert (triggers, missed, sent, arrived, stored) == ("5", "2", "30", "50", "30")
    assert "Player p missed 2 triggers" in done.stdout
    assert "of the triggers that were done, all 30 events arrived at Kafka" in done.stdout
    assert "2 messages of attempts that failed came to Kafka before" in done.stdout


def test_a_disk_that_fills_up_in_mid_run_is_told_as_it_is(command, write):
    path = write(
        "import resource\nimport numpy as np\n"
        "def setup(player):\n    global stream\n    stream = player.events('t', 's')\n"
        "def action(trigger):\n"
        "    if trigger == 3:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "    stream.send(trigger, np.arange(40_000), np.arange(40_000))\n",
        "triggers: 8\nhdf5: data",
        "    on_error: SKIP\n",
    )
    done = command.run("run", path)
    assert done.returncode == 0, done
    _, triggers, missed, _, arrived, stored, *_ = row(done.stdout, "p")
    assert (triggers, missed, stored) == ("2", "6", "80,000")
    assert int(arrived.replace(",", "")) >= 80_000
    assert "Player p missed 6 triggers" in done.stdout
    assert (
        "of the triggers that were done, all 80,000 events arrived at Kafka and in the files" in done.stdout
    )
    report = command.run("report")
    assert "done, but not by every Player at every trigger" in report.stdout


@pytest.mark.parametrize("by_option", [False, True])
def test_readouts_go_where_the_file_or_the_command_says_and_are_counted(command, write, by_option):
    [of_the_page] = examples(ROOT / "docs" / "how-to" / "readouts.rst", "python")
    with a_receiver() as receiver:
        address = "127.0.0.1:1" if by_option else receiver.address
        options = ["--readout", receiver.address] if by_option else []
        done = command.run("run", write(of_the_page.text, tail=f"    readout: {address}\n"), *options)
        unit = receiver.read(Unit())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert (unit.readouts, unit.lost) == (50_000, 0)
    many = f"50,000 readouts in {len(unit.packets)} packets"
    assert f"Readouts        p sent {many} to {receiver.address}, which acknowledges none\n" in done.stdout


def test_it_is_said_where_there_is_nothing_to_read_out(command, write):
    done = command.run("run", write(ACTS), "--readout", "127.0.0.1:1")
    assert "Readouts        none were sent: no stream of the scripts has a readout\n" in done.stdout
    done = command.run("run", write(ACTS), "--readout", "9000")
    assert done.returncode != 0
    assert "readouts go to a HOST:PORT, as 127.0.0.1:9000; got '9000'" in done.stderr


def test_an_endless_scenario_ends_well_by_ctrl_c(command, write):
    path = write(ACTS, "triggers: -1\nrate: 50 Hz", "    values_topic: logs\n")
    with command.running("run", path) as run:
        read_until(run, "Run ")
        children = descendants(run.pid)
        press_ctrl_c(run)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert re.search(r"all 0 events( and \d+ values)? arrived at Kafka", output)
    assert all_gone(children)


def test_a_database_of_the_environment_is_used_and_left_running(command, write, facility):
    path = write(ACTS, name="in_the_hall.yaml")
    command.set("TANGO_HOST", str(facility.database))
    done = command.run("run", path)
    assert done.returncode == 0, done
    assert f"Tango database  {facility.database}\n" in done.stdout
    devices = connect(facility.database).get_device_name("DonkiDirector/in_the_hall", "DonkiDirector")
    assert list(devices) == ["donki/director/in_the_hall"]


def test_a_player_that_runs_already_is_not_taken_over(command, write, facility, tmp_path):
    path = write(ACTS)
    with command.running("player", "p", str(facility.database), str(tmp_path / "own.py")) as player:
        read_until(player, "plays")
        command.set("TANGO_HOST", str(facility.database))
        done = command.run("run", path)
    assert done.returncode == 1
    assert f"donki/player/p is already running in {facility.database}" in done.stderr


def test_a_broker_of_the_scenario_is_used(command, write, broker):
    path = write(ACTS, f"triggers: 5\nbroker: {broker.address}", "    values_topic: scenario-values\n")
    for _ in range(2):
        done = command.run("run", path)
        assert done.returncode == 0, done
        assert f"Kafka broker    {broker.address}\n" in done.stdout
        assert "all 0 events and 5 values arrived" in done.stdout


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_one_of_several_brokers_is_enough_whatever_stands_before_it(command, write, broker, client):
    named = f"127.0.0.1:{free_port()}, PLAINTEXT://{broker.address}"
    topics = "    values_topic: scenario-values\n"
    path = write(ACTS, f"triggers: 5\nbroker: {named}\nkafka_client: {client}", topics)
    done = command.run("run", path)
    assert done.returncode == 0, done
    assert "all 0 events and 5 values arrived" in done.stdout
    done = command.run("check-data", "--broker", named)
    assert done.returncode == 0, done


SEVERAL_SOURCES = """
def action(trigger, player):
    for number in range(6):
        player.events("banks", f"bank{number}").send(trigger, [1, 2], [3, 4])
        player.series("logs", f"log{number}").send(trigger, float(trigger))
"""


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_the_sources_of_topics_with_partitions_keep_their_order(command, write, client):
    head = f"triggers: 20\npartitions: 3\nkafka_client: {client}\nhdf5: files"
    done = command.run("run", write(SEVERAL_SOURCES, head))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "all 240 events and 120 values arrived at Kafka and in the files" in " ".join(done.stdout.split())
    with JournalReader(command.data / "donkiorchestra" / "runs") as reader:
        places = {extent[:2] for extents in reader.extents(reader.run()).values() for extent in extents}
    assert len(places) > 3


@pytest.mark.parametrize("subcommand", ["check", "run"])
def test_more_replicas_than_brokers_are_refused_at_once(command, write, broker, subcommand):
    for head, why in (
        ("", "the one in memory that is started for the run is alone"),
        (f"broker: '{broker.address}'\n", "1 broker runs at 127.0.0.1:"),
    ):
        said = f"replication: 2 brokers are wanted, and {why}"
        done = command.run(subcommand, write(ACTS, f"{head}triggers: 5\nreplication: 2"))
        assert done.returncode == 1
        assert said in " ".join((done.stdout + done.stderr).split())
        assert "starting the Director" not in done.stdout


def test_a_topic_that_is_there_is_used_as_it_is_and_named(command, write, broker):
    topic = new_topic(broker.address)
    head = f"triggers: 2\nbroker: '{broker.address}'\npartitions: 3"
    done = command.run("run", write(ACTS, head, f"    values_topic: {topic}\n"))
    assert done.returncode == 0, done
    said = f"topic {topic} is there and has 1 partition, not 3; it is used as it is"
    assert said in " ".join(done.stdout.split())


def test_a_broker_that_is_not_there_is_named(command, write):
    command.set("DONKI_BROKER", f"127.0.0.1:{free_port()}")
    done = command.run("run", write(ACTS))
    assert done.returncode == 1
    assert "no Kafka broker answers at 127.0.0.1:" in done.stderr


def test_two_players_that_cannot_be_told_apart_are_named(command, write):
    script = (
        "def setup(player):\n    global stream\n    stream = player.events('t', 's')\n"
        "def action(trigger):\n    stream.send(trigger, [1], [1])\n"
    )
    done = command.run("run", write(script, tail="  q:\n    script: own.py\n"))
    assert done.returncode == 1
    assert "Players p and q send as the same source s to topic t" in done.stdout


def test_check_says_where_a_mistake_is_and_starts_nothing(command, write):
    path = write("raise SystemExit(3)\ndef action(trigger): ...\n", "triggers: 5\nrat: 14 Hz")
    done = command.run("check", path)
    assert done.returncode == 1
    assert done.stderr == f"donki: {path}:2:1: unknown key 'rat'; did you mean rate?\n"
    assert not command.data.exists()


def test_check_without_anything_measured_says_so_and_executes_nothing(command, write):
    done = command.run("check", write("raise SystemExit(3)\ndef action(trigger): ...\n"))
    assert done.returncode == 0
    assert "own.yaml: valid" in done.stdout
    assert "how long p takes is not known" in done.stdout


def test_check_tells_what_would_be_late_and_what_would_fail(command, write):
    slow = "    duration: 30 ms\n"
    late = command.run("check", write(ACTS, "triggers: 5\nrate: 50 Hz", slow))
    assert late.returncode == 0
    assert "5 triggers in 150 ms" in late.stdout
    assert "4 of 5 triggers would be late, the worst by 40.0 ms" in late.stdout
    failing = command.run("check", write(ACTS, "triggers: 5", f"{slow}    timeout: 20 ms\n"))
    assert failing.returncode == 1
    assert "On a virtual clock it fails: Player p, trigger 1: no answer within its Timeout" in failing.stdout


def test_check_with_a_trial_measures_and_tells_the_topics(command, write):
    path = write(ACTS, "triggers: 1000\nrate: 10 Hz", "    values_topic: logs\n")
    done = command.run("check", path, "--try")
    assert done.returncode == 0, done
    assert re.search(r"p +0 .* tried now", done.stdout)
    assert "logs, from p/x: 1,000 values" in done.stdout
    assert not (command.data / "donkiorchestra" / "runs").exists()
    path = write("def action(trigger):\n    raise ValueError('no beam')\n")
    done = command.run("check", path, "--try")
    assert done.returncode == 1
    assert "tried: the sequence failed: Player p, trigger 1:" in done.stdout


def test_check_prints_the_schema(command):
    done = command.run("check", "--schema")
    assert done.stdout == (SCENARIOS / "scenario.schema.json").read_text()
    assert command.run("check").returncode == 2


def test_a_scenario_can_be_copied_anywhere(command, tmp_path):
    for path in SCENARIOS.glob("*.yaml"):
        shutil.copy(path, tmp_path)
        done = command.run("check", str(tmp_path / path.name))
        assert done.returncode == 0, done


def test_nothing_that_a_scenario_says_acts_on_a_terminal(command, write, tmp_path):
    title = r'title: "\e[31mred\n[red]forged[/] $x^2_$ \x07"'
    script = (
        "def action(trigger, player):\n"
        "    player.log.info('\\x1b[2J\\nERROR forged')\n"
        "    if trigger == 3:\n"
        "        raise RuntimeError('\\x1b]0;owned\\x07\\ndonki: all is well [bold]')\n"
    )
    path = write(script, f"triggers: 5\n{title}")
    picture = tmp_path / "run.png"
    outputs = [
        command.run("run", path),
        command.run("report", "--picture", str(picture)),
        command.run("check-data"),
        command.run("run", "\x1b[31m.yaml"),
        command.run("\x1b[31m"),
    ]
    assert picture.exists(), outputs
    for done in outputs:
        printed = done.stdout + done.stderr
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed), printed
        assert "Traceback" not in printed
        assert not any(line.startswith(("forged", "donki: all", "ERROR")) for line in printed.splitlines())
    assert r"\x1b[31mred\n[red]forged[/] $x^2_$ \x07" in outputs[0].stdout
    assert r"\x1b[31mred\n[red]forged[/] $x^2_$ \x07" in outputs[1].stdout
    assert r"\x1b]0;owned\x07" in outputs[0].stdout


@pytest.fixture(scope="module")
def memory_broker():
    with new_broker("embedded") as running:
        yield running.address


def test_a_file_writer_records_the_run_by_the_scenarios_structure_or_another(
    command, write, tmp_path, memory_broker
):
    topic = new_topic(memory_broker)
    module = {"module": "f144", "config": {"topic": "logs", "source": "$TITLE$"}}
    (tmp_path / "own.json").write_text(json.dumps({"children": [module]}))
    (tmp_path / "other.json").write_text(json.dumps({"children": []}))
    head = (
        f"triggers: 5\ntitle: ice\nbroker: {memory_broker}\nfile_writer:\n  topic: {topic}\n"
        "  policy: REQUIRE\n  timeout: 60 s\n  structure: own.json\n  instrument: loki"
    )
    path = write(ACTS, head, "    values_topic: logs\n")
    with FileWriter(memory_broker, topic) as writer:
        done = command.run("run", path)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        other = command.run("run", path, "--structure", str(tmp_path / "other.json"))
        assert (other.returncode, other.stderr) == (0, ""), other.stdout
    start, second = writer.starts
    assert (
        f"File writer     written: {FOLDER}/{start.filename}, by {writer.service}, job {start.job_id}"
        in done.stdout
    )
    filled = {"module": "f144", "config": {"topic": "logs", "source": "ice"}}
    assert json.loads(start.nexus_structure) == {"children": [filled]}
    assert json.loads(second.nexus_structure) == {"children": []}
    assert start.instrument_name == "loki"
    report = command.run("report")
    assert (
        f"  written: {FOLDER}/{second.filename}, by {writer.service}, job {second.job_id}\n" in report.stdout
    )


@pytest.mark.parametrize("policy", ["IGNORE", "WARN", "REQUIRE"])
def test_a_run_that_no_file_writer_takes_is_what_the_policy_says(command, write, memory_broker, policy):
    topic = new_topic(memory_broker)
    writer = f"{{topic: {topic}, policy: {policy}, timeout: 60}}"
    path = write(ACTS, f"triggers: 5\nbroker: {memory_broker}\nfile_writer: {writer}")
    with FileWriter(memory_broker, topic, Behaviour.REFUSES):
        done = command.run("run", path)
    said = "refused the job: Rejected start command"
    if policy == "REQUIRE":
        assert done.returncode == 1
        assert said in done.stdout + done.stderr
        return
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(rf"File writer     refused: .*{said}", done.stdout)
    assert ("the file writer did not write the run: refused" in done.stdout) == (policy == "WARN")


def test_a_structure_without_a_file_writer_is_refused(command, write, tmp_path):
    (tmp_path / "own.json").write_text('{"children": []}')
    done = command.run("run", write(ACTS), "--structure", str(tmp_path / "own.json"))
    assert done.returncode == 1
    assert "the scenario names none; add file_writer: TOPIC" in done.stderr
