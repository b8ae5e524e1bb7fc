"""Security settings reach the Kafka client, and no secret is ever shown."""

import gc
import json
import logging
import threading
import time

import pytest

from donki.errors import BrokerError
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.kafka.clients import CLIENTS, DEFAULT
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from helpers.brokers import ApacheBroker, new_broker
from helpers.donki_command import Command
from helpers.support import took, wait_until

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <(socket|ssl):pytest.PytestUnraisableExceptionWarning"
)
SECRET = "s3cret"
OPTIONS = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "p0",
    "sasl_plain_password": SECRET,
}


class PasswordBroker(ApacheBroker):
    """Apache Kafka that asks its clients for a password."""

    def prepare(self, folder):
        super().prepare(folder)
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        with self._properties.open("a") as properties:
            properties.write(
                "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                "sasl.enabled.mechanisms=PLAIN\n"
                "sasl.mechanism.inter.broker.protocol=PLAIN\n"
                "inter.broker.listener.name=PLAINTEXT\n"
                f"listener.name.plaintext.plain.sasl.jaas.config={plain}"
                f' username="kafka" password="kafka" user_kafka="kafka" user_p0="{SECRET}";\n'
            )


@pytest.fixture(scope="module")
def password_broker():
    new_broker("apache")  # leaves the test out where there is no Java
    with PasswordBroker() as running:
        yield running


@pytest.fixture(autouse=True)
def everything_logged(caplog, capfd):
    """Log all that anyone logs, as a server does that is started with -v4."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not any(SECRET in record.getMessage() for record in caplog.get_records("call"))
    assert SECRET not in "".join(capfd.readouterr())
    gc.collect()


@pytest.fixture(params=list(CLIENTS))
def client(request):
    return request.param


def new_run_output(broker, options, client):
    return RunOutput("p0", Run.new(), brokers=[broker.address], kafka_options=options, kafka_client=client)


def test_the_password_opens_the_broker(password_broker, client):
    run_output = new_run_output(password_broker, OPTIONS, client)
    run_output.open(EventStream, "detector", "panel").send(Trigger(1, 1), [1], [1])
    run_output.deliver(10)
    run_output.close()
    assert run_output.counts.messages == 1


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS | {"sasl_plain_password": SECRET + "x"},
        OPTIONS | {"sasl_mechanism": "SCRAM-SHA-256"},
        {"security_protocol": "SASL_SSL", "sasl_plain_password": SECRET},
        {},
    ],
)
def test_a_broker_that_does_not_let_us_in_is_named_with_the_protocol(password_broker, options, client):
    before = set(threading.enumerate())
    run_output = new_run_output(password_broker, options, client)
    began = time.monotonic()
    protocol = options.get("security_protocol", "PLAINTEXT")
    with pytest.raises(BrokerError, match=f"{password_broker.address} .* by {protocol}") as refusal:
        run_output.open(EventStream, "detector", "panel")
    assert took(began) < 4.5
    assert SECRET not in str(refusal.value)
    wait_until("the client's threads have ended", lambda: set(threading.enumerate()) <= before)


def test_what_a_password_guards_is_recorded_and_replayed(password_broker, tmp_path):
    file, recording = tmp_path / "options.json", tmp_path / "recording.h5"
    file.write_text(json.dumps(OPTIONS))
    run_output = new_run_output(password_broker, OPTIONS, DEFAULT)
    run_output.open(EventStream, "guarded", "panel").send(Trigger(1, 1), [1], [1])
    run_output.close()
    command = Command(tmp_path)
    to = ["--broker", password_broker.address, "--kafka-options"]
    done = command.run("record", "guarded", str(recording), *to, str(file), "--from=beginning", "--count=1")
    assert (done.returncode, done.stderr) == (0, "")
    done = command.run("replay", str(recording), *to, json.dumps(OPTIONS), "--topic-map=guarded=guarded-2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 acknowledged" in done.stdout
    wrong = json.dumps(OPTIONS | {"sasl_plain_password": SECRET + "x"})
    for arguments in (["record", "guarded", str(tmp_path / "none.h5")], ["replay", str(recording)]):
        done = command.run(*arguments, *to, wrong)
        assert done.returncode == 1
        assert "takes no connection by SASL_PLAINTEXT" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_options_are_not_shown_where_a_broker_knows_no_passwords(broker, client):
    run_output = new_run_output(broker, OPTIONS, client)
    with pytest.raises(BrokerError, match=broker.address) as refusal:
        run_output.open(EventStream, "detector", "panel")
    assert SECRET not in str(refusal.value)
