"""The property KafkaClient of a Player: which library sends its messages."""

from __future__ import annotations

import pytest
import tango

from donki_client.facility.local import LocalFacility
from helpers.brokers import EmbeddedBroker
from helpers.orchestra import an_orchestra


@pytest.fixture(scope="module")
def embedded_broker():
    with EmbeddedBroker() as running:
        yield running


def play(facility, folder, broker, client):
    """Play two triggers; return what the Player has sent, and why the Director refused or failed."""
    options = {"KafkaBrokers": broker.address, "ValuesTopic": "values", "KafkaClient": client}
    with an_orchestra(facility, folder, f"client-{folder.name}", "p", **options) as orchestra:
        orchestra.reset()
        orchestra.set("p", values={"current": 1.5})
        orchestra.director.Triggers = 2
        findings = list(orchestra.director.Check() or [])
        try:
            orchestra.director.Start()
        except tango.DevFailed as error:
            return 0, findings, error.args[0].desc
        orchestra.ended_in_alarm()
        return orchestra.players["p"].MessagesSent, findings, orchestra.director.LastError


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_each_client_sends(facility, tmp_path, embedded_broker, client):
    assert play(facility, tmp_path, embedded_broker, client) == (2, [], "")


def test_a_client_that_there_is_not_is_named_before_the_run_and_at_its_start(
    facility, tmp_path, embedded_broker
):
    sent, (finding,), error = play(facility, tmp_path, embedded_broker, "librdkafka")
    assert sent == 0
    for said in (finding, error):
        assert "a Kafka client is kafka-python or confluent-kafka; got 'librdkafka'" in said


def test_a_client_that_is_not_installed_is_named_with_the_remedy(
    tmp_path, tmp_path_factory, embedded_broker, monkeypatch
):
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "confluent_kafka.py").write_text("raise ModuleNotFoundError('No module named confluent_kafka')")
    monkeypatch.setenv("PYTHONPATH", str(absent))
    # Servers are forked from a process that looks for modules where it did when it was started.
    with LocalFacility(tmp_path_factory.mktemp("facility")) as facility:
        facility.start_database()
        sent, (finding,), error = play(facility, tmp_path, embedded_broker, "confluent-kafka")
    assert sent == 0
    for said in (finding, error):
        assert "confluent-kafka is not installed" in said
        assert "pip install 'donkiorchestra[fast]'" in said
