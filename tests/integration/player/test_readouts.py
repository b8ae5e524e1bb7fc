"""Raw readouts of a real Player: by UDP the events that Kafka gets, whoever listens."""

from __future__ import annotations

import time

import pytest
import tango
from kafka import KafkaConsumer, TopicPartition
from streaming_data_types import deserialise_ev44

from donki.device.errors import message_of
from donki.limits import OnError
from donki_client.facility.servers import connect
from helpers.brokers import EmbeddedBroker
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.readouts import LOKI, Unit, a_receiver, events_of
from helpers.support import free_port, wait_until

TRIGGERS = 20
SOURCES = "bank0", "bank1"


@pytest.fixture(scope="module")
def stage(facility, tmp_path_factory):
    """An orchestra of one Player that has readouts, and its broker."""
    folder = tmp_path_factory.mktemp("readouts")
    with (
        EmbeddedBroker() as broker,
        an_orchestra(
            facility,
            folder,
            "readouts",
            "loki",
            script=SCRIPTS / "read_out.py",
            parameters={"topic": "read_out"},
            on_error=OnError.RETRY,
            retries=1,
            KafkaBrokers=broker.address,
        ) as orchestra,
    ):
        orchestra.director.Period = 0.071428571
        yield orchestra, broker


def take(player, parameters='{"topic": "read_out"}', **properties):
    """Have a Player take up properties and parameters."""
    player.put_property(properties)
    player.Init()
    wait_until("it has its script again", lambda: str(player.state()) == "ON", 30)
    player.Parameters = parameters


def sent_since(broker, begin):
    """Return the messages of the banks from an offset on, and where the topic ends."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    partition = TopicPartition("read_out", 0)
    try:
        consumer.assign([partition])
        consumer.seek(partition, begin)
        end = consumer.end_offsets([partition])[partition]
        found, deadline = [], time.monotonic() + 60
        while consumer.position(partition) < end:
            assert time.monotonic() < deadline
            for records in consumer.poll(200).values():
                found += [deserialise_ev44(record.value) for record in records]
    finally:
        consumer.close()
    return [message for message in found if message.source_name in SOURCES], end


def test_a_run_goes_both_ways_and_an_attempt_that_failed_goes_twice(stage):
    orchestra, broker = stage
    player = orchestra.players["loki"]
    with a_receiver() as receiver:
        take(player, ReadoutAddress=receiver.address)
        assert orchestra.play(TRIGGERS, 60) == "ON", orchestra.director.LastError
        unit = receiver.read(Unit())
        messages, end = sent_since(broker, 0)
        assert unit.events == events_of(messages)
        assert unit.lost == 0
        assert (player.PacketsSent, player.ReadoutsSent) == (len(unit.packets), unit.readouts)
        # The monitor has an event at each trigger, and no readouts.
        assert unit.readouts == player.EventsSent - TRIGGERS > 0
        assert {packet.detector_type for packet in unit.packets} == {LOKI}
        assert {packet.queue for packet in unit.packets} == {0, 1, 2}

        player.Parameters = '{"topic": "read_out", "fail_at": 3}'
        assert orchestra.play(TRIGGERS, 60) == "ON", orchestra.director.LastError
        unit = receiver.read(Unit())
        # Kafka has what the attempt left too; what counts there is what was delivered.
        messages, _ = sent_since(broker, end)
        assert unit.events == events_of(messages)
        assert unit.lost == 0
        assert unit.readouts == player.ReadoutsSent > player.EventsSent - TRIGGERS


def test_a_receiver_that_reads_too_little_or_nothing_keeps_no_trigger_waiting(stage):
    orchestra, _ = stage
    player = orchestra.players["loki"]
    with a_receiver(buffer=5_000) as receiver:
        take(player, ReadoutAddress=receiver.address)
        assert orchestra.play(TRIGGERS, 60) == "ON", orchestra.director.LastError
        unit = receiver.read(Unit())
        assert 0 < len(unit.packets) < player.PacketsSent
        assert unit.readouts < player.ReadoutsSent == player.EventsSent - TRIGGERS
        address = receiver.address
    take(player, ReadoutAddress=address)
    assert orchestra.play(TRIGGERS, 60) == "ON", orchestra.director.LastError
    assert player.ReadoutsSent == player.EventsSent - TRIGGERS > 0
    take(player, ReadoutAddress="")
    assert orchestra.play(2, 60) == "ON", orchestra.director.LastError
    assert (player.PacketsSent, player.ReadoutsSent) == (0, 0)


def test_an_address_that_is_none_is_said_and_keeps_a_run_from_starting(stage):
    orchestra, _ = stage
    player = orchestra.players["loki"]
    player.put_property({"ReadoutAddress": "9000"})
    player.Init()
    said = "the property ReadoutAddress: readouts go to a HOST:PORT, as 127.0.0.1:9000; got '9000'"
    wait_until("it says so", lambda: said in player.Status(), 30)
    take(player, ReadoutAddress=f"no-such-host.invalid:{free_port()}")
    [line] = player.Check()
    assert line.startswith("readouts cannot be sent to no-such-host.invalid:")
    assert line.endswith("; mend ReadoutAddress")
    with pytest.raises(tango.DevFailed) as refused:
        orchestra.director.Start()
    assert "no-such-host.invalid" in message_of(refused.value)
    take(player, ReadoutAddress="")
    assert not list(player.Check())


def test_the_command_keeps_the_address_in_the_database(stage, tmp_path):
    from helpers.donki_command import Command, read_until

    orchestra, _ = stage
    database = orchestra.facility.database
    script = tmp_path / "ring.py"
    script.write_text("def action(trigger): ...\n")
    arguments = "player", "readouts-of-a-command", str(database), str(script)
    command = Command(tmp_path / "data")
    for options, kept in ((["--readout", "127.0.0.1:9000"], ["127.0.0.1:9000"]), ([], ["127.0.0.1:9000"])):
        with command.running(*arguments, *options) as player:
            read_until(player, "plays")
            found = connect(database).get_device_property(
                "donki/player/readouts-of-a-command", "ReadoutAddress"
            )
            assert list(found["ReadoutAddress"]) == kept
    done = command.run(*arguments, "--readout", "9000")
    assert done.returncode != 0
    assert "readouts go to a HOST:PORT, as 127.0.0.1:9000; got '9000'" in done.stderr
