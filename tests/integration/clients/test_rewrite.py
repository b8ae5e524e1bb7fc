"""`donki rewrite` has a file writer write a run again, and says why where none does."""

import io
import json
import time
from types import SimpleNamespace

import pytest
from kafka import KafkaProducer
from rich.console import Console

from donki.director.journal.reading.reader import JournalReader
from donki.errors import BrokerError, InputError
from donki.streams.kafka.topics.topic import ensure_topics
from donki_client.rewrite.rewrite import rewrite as rewrite_run
from donki_client.rewrite.start_message import streams_in
from helpers.brokers import EmbeddedBroker, new_broker
from helpers.donki_command import Command
from helpers.file_writer import FOLDER, Behaviour, FileWriter
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.recorded_run import complete, record
from helpers.support import free_port, wait_until

MS = 1_000_000


@pytest.fixture(scope="module")
def memory():
    with new_broker("embedded") as running:
        yield running.address


def play(folder, address, topic):
    command = Command(folder / "data")
    path = folder / "rewritten.yaml"
    path.write_text(
        f"triggers: 5\nbroker: {address}\nplayers:\n  p:\n"
        f"    script: {SCRIPTS / 'every_stream.py'}\n    parameters: {{topic: {topic}}}\n"
    )
    done = command.run("run", str(path))
    assert done.returncode == 0, done
    return SimpleNamespace(command=command, journal=folder / "data/donkiorchestra/runs", address=address)


@pytest.fixture(scope="module")
def played(memory, tmp_path_factory):
    """A run of which no file writer was told, with a stream of each kind."""
    topic = f"again-{free_port()}"
    run = play(tmp_path_factory.mktemp("again"), memory, topic)
    run.topic, run.control = topic, f"writers-{topic}"
    ensure_topics([run.control], memory, {"bootstrap_servers": memory}, 20)
    return run


def rewrite(run, **options):
    """Return whether the newest run was written again, and what was printed."""
    printed = io.StringIO()
    console = Console(file=printed, width=1000)
    done = rewrite_run("", run.journal, console, topic=run.control, **options)
    return done, printed.getvalue()


def test_a_writer_is_told_of_all_that_the_run_sent_and_its_file_is_named(played):
    with FileWriter(played.address, played.control, Behaviour.IS_CONFUSED) as writer:
        done = played.command.run("rewrite", "--topic", played.control)
    assert done.returncode == 0, done
    [job] = writer.starts
    said = ["has taken the job", "is writing", f"has written {FOLDER}/{job.filename}"]
    lines = [line for line in done.stdout.splitlines() if line.startswith(writer.service)]
    assert lines == [f"{writer.service} {each}" for each in said]
    with JournalReader(played.journal) as reader:
        run = reader.run()
        streams = {(stream.topic, stream.source) for stream in reader.streams(run) if stream.topic}
    left_out = {(played.topic, "other"), (played.topic, "status")}
    for _, source in left_out:
        assert f"{source} in topic {played.topic} is left out" in done.stdout
    assert set(streams_in(json.loads(job.nexus_structure))) == streams - left_out
    modules = job.nexus_structure
    for schema in ("ev44", "f144", "al00", "ad00", "da00", "tdct", "se00"):
        assert f'"module": "{schema}"' in modules, schema
    assert job.run_name == run.id
    assert job.filename.startswith(f"{run.id}_rewritten_")
    assert (job.broker, job.control_topic) == (played.address, played.control)
    assert job.start_time == run.began // MS
    assert run.ended // MS <= job.stop_time < time.time() * 1000


@pytest.mark.parametrize(
    ("behaviour", "limit", "said"),
    [
        (Behaviour.IS_SILENT, 2, "no file writer has taken the job within 2 s"),
        (Behaviour.DIES, 8, " has not written it within 8 s"),
        (Behaviour.REFUSES, 60, ": refused the job: Rejected start command"),
        (Behaviour.FAILS, 60, ": failed: Unable to write: no space left on device"),
    ],
)
def test_what_a_writer_does_not_do_is_said_and_the_exit_status_tells(played, behaviour, limit, said):
    with FileWriter(played.address, played.control, behaviour):
        done, printed = rewrite(played, limit=limit)
    assert not done
    assert said in printed


def test_one_writer_may_refuse_what_another_writes(played):
    address, topic = played.address, played.control
    with FileWriter(address, topic, Behaviour.REFUSES), FileWriter(address, topic, delay=1) as writer:
        done, printed = rewrite(played)
    assert done, printed
    assert "refused the job" in printed
    assert f"{writer.service} has written" in printed


def test_a_job_is_sent_without_waiting_and_the_file_may_have_a_name(played):
    with FileWriter(played.address, played.control, Behaviour.IS_SILENT) as writer:
        done = played.command.run(
            "rewrite", "--topic", played.control, "--no-wait", "--file", "once_more.nxs"
        )
        assert done.returncode == 0, done
        wait_until("the writer has the job", lambda: writer.starts, 30)
    assert writer.starts[0].filename == "once_more.nxs"


def test_the_exit_status_tells_that_nobody_wrote_it(played):
    done = played.command.run("rewrite", "--topic", played.control, "--timeout", "1")
    assert done.returncode == 1
    assert "no file writer has taken the job within 1 s" in done.stdout


def test_a_topic_or_broker_that_is_not_there_is_refused_by_name(played):
    with pytest.raises(InputError, match="name the topic on which they are, --topic"):
        rewrite(SimpleNamespace(journal=played.journal, control=""))
    with pytest.raises(InputError, match="topic no-such-topic is not there"):
        rewrite(SimpleNamespace(journal=played.journal, control="no-such-topic"))
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerError, match=nobody):
        rewrite(played, broker=nobody)


def test_a_run_that_the_broker_does_not_have_any_more_is_refused(tmp_path):
    with EmbeddedBroker(max_bytes=1_000_000) as broker:
        run = play(tmp_path, broker.address, "gone")
        run.control = "writers"
        producer = KafkaProducer(bootstrap_servers=broker.address)
        for _ in range(20):
            producer.send("writers", bytes(100_000))
        producer.flush(20)
        producer.close()
        with pytest.raises(BrokerError, match="cannot be written again: topic gone") as refused:
            rewrite(run)
        assert "by its retention, the broker deleted the messages 0 to" in str(refused.value)


@pytest.mark.parametrize(
    ("outcome", "said"), [(None, "has no end in the journal"), ("done", "has no streams in the journal")]
)
def test_a_run_that_plays_or_sent_nothing_is_refused(tmp_path, outcome, said):
    folder = tmp_path / "runs"
    folder.mkdir()
    record(folder, [complete(1)], outcome=outcome)
    with pytest.raises(InputError, match=said):
        rewrite(SimpleNamespace(journal=folder, control="t"))


def test_what_writers_were_told_of_the_run_is_told_again(facility, memory, tmp_path):
    """With units, and with a stream that was opened too late to be told of then."""
    prefix = f"again{free_port()}"
    told, topic = f"runs-{prefix}", f"data-{prefix}"
    with an_orchestra(facility, tmp_path, prefix, director=True) as orchestra:
        orchestra.start("p", director=False, KafkaBrokers=memory)
        orchestra.director.put_property({"RunTopic": [told], "KafkaBrokers": [memory]})
        orchestra.director.Init()
        player = orchestra.players["p"]
        player.Script = "told.py"
        player.Parameters = json.dumps({"topic": topic})
        orchestra.refresh()
        assert orchestra.play(3) == "ON", orchestra.director.LastError
        run = orchestra.director.RunId
        wait_until("the run is recorded", lambda: "done" in str(_outcome(orchestra.journal.parent)), 30)
        with FileWriter(memory, told) as writer:
            done, printed = rewrite(SimpleNamespace(journal=orchestra.journal.parent, control=""))
    assert done, printed
    [job] = writer.starts
    structure = json.loads(job.nexus_structure)
    assert set(streams_in(structure)) == {(topic, "early"), (topic, "late")}
    [entry] = structure["children"]
    [instrument] = [it for it in entry["children"] if it.get("name") == "instrument"]
    early, late = instrument["children"]
    assert early["children"][0]["config"]["value_units"] == "K"
    assert late["name"] == "late"
    assert job.run_name == run


def _outcome(folder):
    with JournalReader(folder) as reader:
        return reader.run().outcome
