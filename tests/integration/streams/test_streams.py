"""What a Player emits, by each client through real brokers: once, in order, and every wait with a limit."""

import gc
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from streaming_data_types import deserialise_da00, deserialise_ev44, deserialise_f144

import donki.streams.kafka.cluster
from donki.errors import BrokerError, InputError, NotAllowedError
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.kafka.clients import CLIENTS
from donki.streams.listing import Counts
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from helpers.support import free_port, took, wait_until

TIME = 1_700_000_000_000_000_000
PULSE = 71_428_571
COLUMN = np.arange(12_400, dtype=np.int32)

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def collect_garbage():
    yield
    gc.collect()


@pytest.fixture
def topic():
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture(params=list(CLIENTS))
def client(request):
    return request.param


@pytest.fixture
def open_run_output(client):
    run_outputs = []

    def open_run_output(address, **options):
        run_outputs.append(RunOutput("p0", Run.new(), brokers=[address], kafka_client=client, **options))
        return run_outputs[-1]

    yield open_run_output
    for run_output in run_outputs:
        run_output.abandon("the test is over")
        run_output.close()


def trigger(number):
    return Trigger(number, TIME + number * PULSE)


def records(address, topic):
    """Return all that stands in a topic, partition by partition."""
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None, enable_auto_commit=False)
    try:
        partitions = [
            TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found = {partition: [] for partition in partitions}
        deadline = time.monotonic() + 20
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < deadline, f"{topic} could not be read to its end"
            for partition, batch in consumer.poll(timeout_ms=200).items():
                found[partition] += batch
    finally:
        consumer.close()
    return [record for partition in partitions for record in found[partition]]


def messages(address, topic):
    return [deserialise_ev44(record.value) for record in records(address, topic)]


@contextmanager
def admin(address):
    client = KafkaAdminClient(bootstrap_servers=address)
    try:
        yield client
    finally:
        client.close()


def test_what_is_sent_stands_in_kafka_in_order(broker, topic, open_run_output):
    run_output = open_run_output(broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    rng = np.random.default_rng(1)
    pulses = [rng.integers(0, 10**6, (2, size), dtype=np.int32) for size in rng.integers(0, 30_000, 40)]
    for number, (tof, pixel) in enumerate(pulses, start=1):
        stream.send(trigger(number), tof, pixel)
    run_output.deliver(20)

    found = records(broker.address, topic)
    parts = [deserialise_ev44(record.value) for record in found]
    assert [part.message_id for part in parts] == list(range(len(parts)))
    for number, (tof, pixel) in enumerate(pulses, start=1):
        mine = [part for part in parts if part.reference_time[0] == trigger(number).reference_time]
        np.testing.assert_array_equal(np.concatenate([part.time_of_flight for part in mine]), tof)
        np.testing.assert_array_equal(np.concatenate([part.pixel_id for part in mine]), pixel)
    assert {record.key for record in found} == {b"panel_0"}
    assert found[-1].timestamp == trigger(40).reference_time // 1_000_000
    size = sum(len(record.value) for record in found)
    assert run_output.counts == Counts(sum(len(tof) for tof, _ in pulses), len(found), size)


def test_a_trigger_is_delivered_when_deliver_returns(broker, topic, open_run_output):
    run_output = open_run_output(broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    for number in range(1, 4):
        stream.send(trigger(number), COLUMN, COLUMN)
        run_output.deliver(10)
        assert len(messages(broker.address, topic)) == number == run_output.counts.messages


def test_streams_of_one_output_do_not_mix(broker, topic, open_run_output):
    run_output = open_run_output(broker.address)
    first = run_output.open(EventStream, f"{topic}-1", "a")
    second = run_output.open(EventStream, f"{topic}-2", "b")
    third = run_output.open(EventStream, f"{topic}-2", "c")
    assert run_output.open(EventStream, f"{topic}-1", "a") is first
    for number in range(1, 4):
        for stream in (first, second, third):
            stream.send(trigger(number), [number], [number])
    run_output.deliver(10)
    assert [(m.source_name, m.message_id) for m in messages(broker.address, f"{topic}-1")] == [
        ("a", 0),
        ("a", 1),
        ("a", 2),
    ]
    both = [(m.source_name, m.message_id) for m in messages(broker.address, f"{topic}-2")]
    assert both == [("b", 0), ("c", 0), ("b", 1), ("c", 1), ("b", 2), ("c", 2)]


def test_values_stand_in_their_topic(broker, topic, open_run_output):
    run_output = open_run_output(broker.address, values_topic=topic)
    run_output.values(1, TIME, {"temperature": 4.2, "counts": [1, 2, 3], "phase": "warm"})
    run_output.deliver(10)
    number, array, text = (record.value for record in records(broker.address, topic))
    assert deserialise_f144(number) == ("p0/temperature", 4.2, TIME)
    array, text = deserialise_da00(array), deserialise_da00(text)
    assert (array.source_name, array.timestamp_ns, list(array.data[0].data)) == ("p0/counts", TIME, [1, 2, 3])
    assert (text.source_name, text.data[0].data) == ("p0/phase", "warm")


def test_a_script_opens_every_stream_and_kafka_and_the_file_have_them(broker, topic, client, tmp_path):
    run = Run.new()
    run_output = RunOutput("p0", run, brokers=[broker.address], kafka_client=client, file_directory=tmp_path)
    player = Player("p0")
    player.begin(run, run_output)

    def send_all(trigger):
        player.events(topic, "panel", events_per_message=2, detector_number=[1, 2]).send(
            trigger, [1, 2, 3], [1, 2, 1]
        )
        player.series(topic, "T", unit="K").send(trigger, 4.2)
        player.alarm(topic, "T").send(trigger, "MINOR", "warm")
        player.connection(topic, "T").send(trigger, "CONNECTED")
        player.image(topic, "camera").send(trigger, np.zeros((4, 4), np.uint16))
        player.array(topic, "spectrum", axes=["tof"]).send(trigger, [1, 2])
        player.timestamps(topic, "chopper").send(trigger, [TIME])
        player.samples(topic, "adc", interval=10).send(trigger, [1, 2])

    send_all(trigger(1))
    run_output.deliver(10)
    send_all(trigger(2))
    run_output.discard()  # Kafka keeps what it got, the file does not
    with pytest.raises(InputError, match=f"T has f144 messages to topic {topic}"):
        player.image(topic, "T")
    with pytest.raises(InputError, match=f"T has al00 messages to topic {topic}"):
        player.alarm(f"{topic}-2", "T")
    run_output.close()
    player.end()
    with pytest.raises(NotAllowedError, match="Player p0 has no streams"):
        player.series(topic, "T")

    schemas = ["ev44", "ev44", "f144", "al00", "ep01", "ad00", "da00", "tdct", "se00"]
    assert [record.value[4:8].decode() for record in records(broker.address, topic)][:9] == schemas
    assert {stream.schema for stream in run_output.streams} == set(schemas)
    with h5py.File(run_output.files[0]) as file:
        instrument = file["entry/instrument"]
        assert len(instrument["panel/panel_events/event_id"]) == 3
        assert list(instrument["T/value"]) == [4.2]
        assert list(instrument["T/alarm_severity"].asstr()) == ["MINOR"]
        assert list(instrument["T/connection_status"].asstr()) == ["CONNECTED"]
        assert instrument["camera/value"].shape == (1, 4, 4)
        assert instrument["spectrum/signal"].shape == (1, 2)
        assert list(instrument["chopper/top_dead_center/time"]) == [TIME]
        assert list(instrument["adc/time"][:] - trigger(1).reference_time) == [0, 10]


def test_a_topic_is_made_with_one_partition(broker, topic, open_run_output):
    open_run_output(broker.address).open(EventStream, topic, "panel_0")
    with admin(broker.address) as client:
        (found,) = client.describe_topics([topic])
    assert len(found["partitions"]) == 1


def test_in_a_topic_of_several_partitions_a_source_stays_in_order(broker, topic, open_run_output):
    with admin(broker.address) as client:
        client.create_topics({topic: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
    run_output = open_run_output(broker.address)
    streams = [run_output.open(EventStream, topic, source) for source in ("a", "b", "c", "d")]
    for number in range(1, 30):
        for stream in streams:
            stream.send(trigger(number), [1], [1])
    run_output.deliver(10)
    found = records(broker.address, topic)
    for key in (b"a", b"b", b"c", b"d"):
        mine = [record for record in found if record.key == key]
        assert len({record.partition for record in mine}) == 1
        assert [deserialise_ev44(record.value).message_id for record in mine] == list(range(29))


@pytest.mark.parametrize("broker", ["apache"], indirect=True)
def test_a_topic_that_the_broker_refuses_is_named_with_the_reason(broker, topic, open_run_output):
    run_output = open_run_output(broker.address)
    run_output.open(EventStream, f"{topic}_x", "panel_0")
    with pytest.raises(BrokerError, match=rf"{broker.address} refuses to make topic {topic}\.x: .*collides"):
        run_output.open(EventStream, f"{topic}.x", "panel_1")


def test_a_message_that_is_too_large_is_refused_and_the_output_can_be_mended(broker, topic, open_run_output):
    run_output = open_run_output(broker.address, values_topic=topic)
    refusal = rf"{broker.address} takes no message of \d+ bytes to topic {topic}.*max.message.bytes"

    def send_and_deliver():
        run_output.values(1, TIME, {"image": np.zeros(500_000)})  # more than the topic takes
        run_output.deliver(10)

    # The broker may have refused it before what sends it has returned.
    with pytest.raises(BrokerError, match=refusal):
        send_and_deliver()
    run_output.discard()
    with pytest.raises(InputError, match=r"p0/image makes a message of \d+ bytes; expected at most 15992000"):
        run_output.values(1, TIME, {"image": np.zeros(3_000_000)})  # more than the client takes
    run_output.values(1, TIME, {"image": np.zeros(5)})
    run_output.deliver(10)
    assert len(records(broker.address, topic)) == 1


def test_after_the_run_nothing_is_taken(broker, topic, open_run_output):
    run_output = open_run_output(broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    stream.send(trigger(1), [1], [1])
    run_output.close()
    assert len(messages(broker.address, topic)) == 1
    with pytest.raises(NotAllowedError, match=r"run \S+ is over and takes no more data"):
        stream.send(trigger(2), [1], [1])


def test_no_thread_is_left(broker, topic, open_run_output):
    before = threads()
    run_output = open_run_output(broker.address)
    run_output.open(EventStream, topic, "panel_0").send(trigger(1), [1], [1])
    assert threads() > before
    run_output.close()
    wait_until("the client's threads have ended", lambda: threads() <= before)


def threads():
    """Return the ids of this process's threads, those of C libraries too."""
    return {task.name for task in Path("/proc/self/task").iterdir()}


def test_a_broker_that_is_not_there_is_named_at_once(topic, open_run_output):
    address = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(BrokerError, match=address):
        open_run_output(address).open(EventStream, topic, "panel_0")
    assert took(began) < 1


def test_a_broker_that_does_not_answer_is_named_before_the_director_gives_up(
    own_broker, topic, open_run_output
):
    own_broker.pause()
    began = time.monotonic()
    with pytest.raises(BrokerError, match=own_broker.address):
        open_run_output(own_broker.address).open(EventStream, topic, "panel_0")
    assert took(began) < 4.5
    own_broker.resume()


def test_a_broker_that_stops_for_five_seconds_loses_and_doubles_nothing(own_broker, topic, open_run_output):
    run_output = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    pause = threading.Timer(0.2, own_broker.pause)
    resume = threading.Timer(5.2, own_broker.resume)
    began = time.monotonic()
    pause.start()
    resume.start()
    number = 0
    while time.monotonic() < began + 6:
        number += 1
        stream.send(trigger(number), COLUMN, COLUMN)
        if number == 2000:  # enough for any stop; the in-memory broker must hold it all
            break
    resume.join()
    run_output.deliver(20)
    assert run_output.counts.messages == number
    assert [message.message_id for message in messages(own_broker.address, topic)] == list(range(number))


@pytest.fixture
def short_delivery(monkeypatch):
    monkeypatch.setattr(donki.streams.kafka.cluster, "DELIVERY_TIMEOUT", 2.0)


def send_until_it_fails(run_output, stream, first):
    """Send triggers; return the first that was not delivered, the error and how long the wait for it was."""
    for number in range(first, first + 100_000):
        began = time.monotonic()
        try:
            stream.send(trigger(number), COLUMN, COLUMN)
            run_output.deliver(60)
        except BrokerError as error:
            return number, str(error), time.monotonic() - began
    raise AssertionError("the broker went on")


def test_a_broker_that_stops_for_too_long_ends_the_wait_and_is_used_again_when_it_goes_on(
    own_broker, topic, open_run_output, short_delivery
):
    run_output = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    threading.Timer(0.3, own_broker.pause).start()
    failed, error, waited = send_until_it_fails(run_output, stream, 1)
    assert own_broker.address in error
    assert topic in error
    assert 1.5 < waited < 4
    own_broker.resume()
    run_output.discard()
    for number in range(failed, failed + 5):
        stream.send(trigger(number), COLUMN, COLUMN)
        run_output.deliver(10)
    ids = [message.message_id for message in messages(own_broker.address, topic)]
    # The trigger that failed may have reached the broker, which could not say so: then it stands there twice.
    once = list(range(failed + 4))
    assert ids in (once, [*once[:failed], *once[failed - 1 :]])


def test_a_broker_that_is_killed_ends_the_wait_and_is_used_again_when_it_is_back(
    own_broker, topic, open_run_output, short_delivery
):
    run_output = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    threading.Timer(0.3, own_broker.kill).start()
    failed, error, waited = send_until_it_fails(run_output, stream, 1)
    assert own_broker.address in error
    assert waited < 4
    run_output.discard()
    began = time.monotonic()
    with pytest.raises(BrokerError, match=own_broker.address):
        stream.send(trigger(failed), COLUMN, COLUMN)
    with pytest.raises(BrokerError, match=own_broker.address):
        run_output.deliver(10)
    assert took(began) < 1
    own_broker.start()
    run_output.discard()
    for number in range(failed, failed + 5):
        stream.send(trigger(number), COLUMN, COLUMN)
        run_output.deliver(10)
    last = [message.message_id for message in messages(own_broker.address, topic)][-5:]
    assert last == list(range(failed - 1, failed + 4))


@pytest.mark.parametrize("own_broker", ["apache"], indirect=True)
def test_a_broker_that_comes_back_in_time_with_its_data_loses_nothing(
    own_broker, topic, open_run_output, monkeypatch
):
    monkeypatch.setattr(donki.streams.kafka.cluster, "DELIVERY_TIMEOUT", 40.0)
    run_output = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    back = threading.Event()
    numbers = []

    def send():
        while not back.is_set():
            numbers.append(len(numbers))
            stream.send(trigger(len(numbers)), COLUMN, COLUMN)

    sender = threading.Thread(target=send)
    sender.start()
    wait_until("some messages are acknowledged", lambda: run_output.counts.messages > 20)
    own_broker.restart()
    back.set()
    sender.join(30)
    run_output.deliver(30)
    found = [message.message_id for message in messages(own_broker.address, topic)]
    assert list(dict.fromkeys(found)) == numbers
    # What the broker had and had not acknowledged when it died may be sent again: one batch, as a whole.
    again = [number for place, number in enumerate(found) if number in found[:place]]
    assert not again or again == list(range(again[0], again[-1] + 1))


def test_abandon_ends_a_wait_in_another_thread(own_broker, topic, open_run_output):
    run_output = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, topic, "panel_0")
    own_broker.kill()
    stream.send(trigger(1), COLUMN, COLUMN)
    threading.Timer(0.3, run_output.abandon, ["the Player was told to abort"]).start()
    began = time.monotonic()
    with pytest.raises(BrokerError, match="told to abort"):
        run_output.deliver(60)
    run_output.close()
    assert took(began) < 2
