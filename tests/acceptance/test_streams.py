"""Other people's programs read what a Player streams: kcat and saluki topics, scippnexus and essreduce files.

The rules of the file writer are checked on what stands in Kafka.
"""

import itertools
import re
import subprocess
import sys
import threading
import uuid
from datetime import datetime
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import scipp
import scippnexus
from ess.reduce import nexus
from ess.reduce.nexus.types import (
    Filename,
    NeXusComponent,
    NeXusData,
    NeXusDetectorName,
    Position,
    SampleRun,
)
from streaming_data_types import DESERIALISERS, deserialise_ev44

from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
from donki.streams.schemas.f144 import SeriesStream
from helpers.support import needs

TIME = 1_700_000_000_000_000_000
PULSE = 71_428_571
TRIGGERS = 3
SOURCES = {"panel", "T", "camera", "spectrum", "chopper", "adc", "p0/counted", "p0/list", "p0/note"}

#: What the file writer has modules for, and the run messages and status beside them.
#: https://github.com/ess-dmsc/kafka-to-nexus
WRITABLE = {"ev44", "f144", "da00", "ad00", "al00", "ep01", "se00", "tdct", "mdat"} | {"pl72", "6s4t", "x5f2"}


def action(trigger, player, topic):
    """Send something by every stream: a pulse that is split, one without events, one of a few."""
    rng = player.rng(trigger)
    panel = player.events(topic, "panel", detector_number=np.arange(1, 101).reshape(10, 10))
    for pulse, size in enumerate((30_000, 0, 5)):
        panel.send(
            trigger,
            rng.integers(0, 10**8, size),
            rng.integers(1, 101, size),
            reference_time=trigger.reference_time + pulse * PULSE,
        )
    player.series(topic, "T", unit="K").send(trigger, rng.normal(300))
    player.alarm(topic, "T").send(trigger, "OK")
    player.connection(topic, "T").send(trigger, "CONNECTED")
    player.image(topic, "camera").send(trigger, rng.poisson(3, (64, 32)).astype(np.uint16))
    spectrum = player.array(topic, "spectrum", axes=["tof"], coordinates={"tof": (np.arange(5.0), "us")})
    spectrum.send(trigger, rng.poisson(3, 4))
    player.timestamps(topic, "chopper").send(trigger, trigger.reference_time + np.arange(3) * PULSE)
    player.samples(topic, "adc", interval=1000, unit="V").send(trigger, rng.normal(size=50))
    return {"counted": 30_005, "list": [1, 2], "note": "fine"}


@pytest.fixture(scope="module")
def topic():
    return f"acceptance-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def run_output(broker, topic, tmp_path_factory):
    """Play a run of every stream to a broker and to a file."""
    run = Run.new("Silicon")
    player = Player("p0")
    run_output = RunOutput(
        "p0",
        run,
        brokers=[broker.address],
        values_topic=topic,
        file_directory=tmp_path_factory.mktemp("files"),
    )
    player.begin(run, run_output)
    for number in range(1, TRIGGERS + 1):
        trigger = Trigger(number, TIME + number * 10 * PULSE)
        run_output.values(number, trigger.reference_time, action(trigger, player, topic))
        run_output.deliver(20)
    player.end()
    run_output.close()
    return run_output


@pytest.fixture(scope="module")
def found(broker, topic, run_output):
    """Return keys, time stamps in ms and payloads of the topic as kcat reads them."""
    needs("kcat", which("kcat"), "apt-get install kafkacat")
    command = ["kcat", "-C", "-q", "-b", broker.address, "-t", topic, "-o", "beginning", "-e"]
    # The length before the payload, so that any byte may be in it.
    command += ["-f", "%k %T %S\n%s"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout
    records = []
    while text:
        head, _, rest = text.partition(b"\n")
        key, time, size = head.decode().split(" ")
        records.append((key, int(time), rest[: int(size)]))
        text = rest[int(size) :]
    return records


def test_kcat_reads_all_that_was_sent(found, run_output):
    assert len(found) == run_output.counts.messages
    assert sum(len(payload) for *_, payload in found) == run_output.counts.bytes
    assert {key for key, *_ in found} == SOURCES
    last = TIME + TRIGGERS * 10 * PULSE
    assert {time for _, time, _ in found} <= set(range(TIME // 10**6, (last + 2 * PULSE) // 10**6 + 1))


SALUKI = Path(sys.executable).with_name("saluki")
SALUKI_LINE = re.compile(r"^INFO:saluki:\(o:(\d+),t:(.*?),s:(\w+)\) \w+\(", re.MULTILINE)


def test_saluki_reads_and_decodes_every_message(found, broker, topic):
    command = [SALUKI, "consume", f"{broker.address}/{topic}", "--offset", "0", "--go-forwards"]
    command += ["--messages", str(len(found))]
    said = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=60).stderr
    assert "ERROR" not in said
    read = [
        (int(offset), round(datetime.fromisoformat(f"{time}+00:00").timestamp() * 1000), schema)
        for offset, time, schema in SALUKI_LINE.findall(said)
    ]
    assert read == [(offset, time, payload[4:8].decode()) for offset, (_, time, payload) in enumerate(found)]


def test_saluki_listens_to_a_player(broker):
    topic = f"acceptance-{uuid.uuid4().hex}"
    run_output = RunOutput("p0", Run.new(), brokers=[broker.address])
    series = run_output.open(SeriesStream, topic, "T")
    command = [SALUKI, "listen", f"{broker.address}/{topic}", "--filter", "f144"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as saluki:
        over = threading.Event()

        def play():
            for number in itertools.count(1):
                series.send(Trigger(number, TIME + number), float(number))
                run_output.deliver(20)
                if over.wait(0.2):
                    return

        playing = threading.Thread(target=play)
        playing.start()
        limit = threading.Timer(30, saluki.kill)
        limit.start()
        try:
            heard = next((line for line in saluki.stderr if "LogData(" in line), "")
        finally:
            over.set()
            limit.cancel()
            playing.join(30)
            saluki.kill()
    run_output.close()
    number = int(re.search(r"source_name='T', value=(\d+)\.0, ", heard)[1])
    assert f"timestamp_unix_ns={TIME + number})" in heard


def test_the_library_decodes_every_message(found):
    for key, _, payload in found:
        decoded = DESERIALISERS[payload[4:8].decode()](payload)
        named = getattr(decoded, "source_name", None) or getattr(decoded, "source", None) or decoded.name
        assert named == key


def test_every_schema_is_one_of_the_file_writers(found):
    sent = {payload[4:8].decode() for *_, payload in found}
    assert sent <= WRITABLE
    assert sent == {"ev44", "f144", "da00", "ad00", "al00", "ep01", "se00", "tdct"}


def test_events_keep_the_file_writers_rules(found, run_output):
    messages = [deserialise_ev44(payload) for *_, payload in found if payload[4:8] == b"ev44"]
    for message in messages:
        assert len(message.reference_time) == 1
        assert list(message.reference_time_index) == [0]
        assert len(message.time_of_flight) == len(message.pixel_id) <= 12_400
    assert [message.message_id for message in messages] == list(range(5 * TRIGGERS))
    assert sum(len(message.pixel_id) for message in messages) == run_output.counts.events == 30_005 * TRIGGERS
    times = [int(message.reference_time[0]) for message in messages]
    assert times == sorted(times)


def test_scippnexus_loads_the_file_with_events_on_pixels_and_datetimes(found, run_output):
    with scippnexus.File(run_output.files[0]) as nexus:
        instrument = nexus["entry/instrument"][...]
    events = instrument["panel"]["panel_events"]
    assert events.shape == (10, 10)
    sent = [deserialise_ev44(payload) for *_, payload in found if payload[4:8] == b"ev44"]
    pixels = np.concatenate([message.pixel_id for message in sent])
    np.testing.assert_array_equal(events.bins.size().values.ravel(), np.bincount(pixels, minlength=101)[1:])
    kept = events.bins.constituents["data"].coords
    assert kept["event_time_zero"].dtype == "datetime64"
    pulses = {TIME + (10 * trigger + pulse) * PULSE for trigger in range(1, TRIGGERS + 1) for pulse in (0, 2)}
    assert set(kept["event_time_zero"].values.astype(int)) == pulses
    assert kept["event_time_offset"].unit == "ns"
    temperature = instrument["T"]["value"]
    assert (temperature.unit, temperature.sizes) == ("K", {"time": TRIGGERS})
    assert temperature.coords["time"].dtype == "datetime64"
    assert instrument["camera"].sizes == {"time": TRIGGERS, "y": 64, "x": 32}
    assert instrument["spectrum"].sizes == {"time": TRIGGERS, "tof": 4}
    assert instrument["adc"].sizes == {"time": 50 * TRIGGERS}


def test_essreduce_loads_the_events_of_a_detector(run_output):
    workflow = nexus.GenericNeXusWorkflow(run_types=[SampleRun], monitor_types=[])
    workflow[Filename[SampleRun]] = run_output.files[0]
    workflow[NeXusDetectorName] = "panel"
    detector = workflow.compute(NeXusComponent[scippnexus.NXdetector, SampleRun])
    number = nexus.extract_signal_data_array(detector).coords["detector_number"]
    assert number.shape == (10, 10)
    pulses = workflow.compute(NeXusData[scippnexus.NXdetector, SampleRun])
    assert pulses.bins.size().values.tolist() == [30_000, 0, 5] * TRIGGERS
    pixels = nexus.group_event_data(event_data=pulses, detector_number=number)
    assert pixels.shape == (10, 10)
    assert pixels.bins.size().sum().value == run_output.counts.events


def test_essreduce_places_a_detector_at_the_origin(run_output):
    workflow = nexus.GenericNeXusWorkflow(run_types=[SampleRun], monitor_types=[])
    workflow[Filename[SampleRun]] = run_output.files[0]
    workflow[NeXusDetectorName] = "panel"
    position = workflow.compute(Position[scippnexus.NXdetector, SampleRun])
    assert scipp.identical(position, scipp.vector([0.0, 0, 0], unit="m"))


def test_a_histogram_of_the_topic_is_that_of_the_file(found, run_output):
    """As just-bin-it makes one: message by message, of times of flight, for some pixels."""
    edges = np.linspace(0, 10**8, 201).astype(np.int32)
    first, last = 11, 60
    of_topic = np.zeros(200, np.int64)
    for *_, payload in found:
        if payload[4:8] == b"ev44":
            message = deserialise_ev44(payload)
            chosen = (message.pixel_id >= first) & (message.pixel_id <= last)
            of_topic += np.histogram(message.time_of_flight[chosen], edges)[0]
    with scippnexus.File(run_output.files[0]) as file:
        events = file["entry/instrument/panel"][...]["panel_events"].flatten(to="pixel")[first - 1 : last]
    bins = scipp.array(dims=["event_time_offset"], values=edges, unit="ns")
    of_file = events.bins.concat("pixel").hist(event_time_offset=bins)
    np.testing.assert_array_equal(of_topic, of_file.values)
    assert 0.45 < of_topic.sum() / run_output.counts.events < 0.55
