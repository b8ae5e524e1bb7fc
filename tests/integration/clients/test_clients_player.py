"""`donki player`: a Player in the foreground."""

from __future__ import annotations

import signal
import time

import pytest
import tango

from donki_client.facility.servers import connect
from helpers.brokers import EmbeddedBroker
from helpers.donki_command import Command, all_gone, descendants, press_ctrl_c, read_until
from helpers.orchestra import SCRIPTS
from helpers.support import free_port, took, wait_until

SCRIPT = str(SCRIPTS / "scripted.py")


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


def test_it_plays_shows_its_log_and_ends_with_ctrl_c(command, facility, tmp_path):
    script = tmp_path / "ring.py"
    script.write_text("def action(trigger):\n    return {'playerlog': f'ding {trigger} 100%'}\n")
    with command.running("player", "ringer", str(facility.database), str(script)) as player:
        read_until(player, f"donki/player/ringer plays {script}")
        device = tango.DeviceProxy(f"tango://{facility.database}/donki/player/ringer")
        device.Start()
        device.Trigger("1")
        assert read_until(player, "ding 1 100%")[:9].count(":") == 2
        children = descendants(player.pid)
        press_ctrl_c(player)
        output, _ = player.communicate(timeout=60)
        assert player.returncode == 0
        assert "Traceback" not in output
        assert all_gone(children)


@pytest.mark.parametrize("broker", [EmbeddedBroker.kind], indirect=True)
def test_its_broker_is_the_one_that_is_named(command, facility, broker):
    """Of the option and the environment, the option counts; in the database it stays."""

    def brokers():
        properties = connect(facility.database).get_device_property("donki/player/named", "KafkaBrokers")
        return list(properties["KafkaBrokers"])

    arguments = ("player", "named", str(facility.database), SCRIPT)
    command.set("DONKI_BROKER", "127.0.0.1:1")
    with command.running(*arguments, "--broker", broker.address) as player:
        read_until(player, "plays")
        assert brokers() == [broker.address]
    other = broker.address.replace("127.0.0.1", "localhost")
    command.set("DONKI_BROKER", other)
    with command.running(*arguments) as player:
        read_until(player, "plays")
        assert brokers() == [other]
    command.set("DONKI_BROKER", "")
    with command.running(*arguments) as player:
        read_until(player, "plays")
        assert brokers() == [other]


@pytest.mark.parametrize(
    ("option", "variable", "message"),
    [
        ("127.0.0.1:{free}", "", "no Kafka broker answers at 127.0.0.1:{free}"),
        ("", "127.0.0.1:{free}", "no Kafka broker answers at 127.0.0.1:{free}"),
        (
            "kafka:0",
            "",
            "donki: a Kafka broker is given as host:port, with a port from 1 to 65535; got 'kafka:0'",
        ),
        ("", "kafka:0", "donki: the environment variable DONKI_BROKER: a Kafka broker is given as host:port"),
    ],
)
def test_a_broker_that_cannot_be_is_refused_before_anything_is_registered(
    command, facility, option, variable, message
):
    free = free_port()
    command.set("DONKI_BROKER", variable.format(free=free))
    named = ("--broker", option.format(free=free)) if option else ()
    done = command.run("player", "astray", str(facility.database), SCRIPT, *named)
    assert done.returncode == 1
    assert message.format(free=free) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not [*connect(facility.database).get_device_name("DonkiPlayer/astray", "DonkiPlayer")]


def test_a_name_that_plays_already_is_refused(command, facility):
    with command.running("player", "unique", str(facility.database), SCRIPT) as player:
        read_until(player, "plays")
        done = command.run("player", "unique", str(facility.database), SCRIPT)
        assert done.returncode == 1
        assert "donki/player/unique is already running (host" in done.stderr
        assert player.poll() is None


def test_a_script_that_is_not_usable_is_refused_by_file_and_line(command, facility, tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("def action(trigger):\n    return (\n")
    done = command.run("player", "broken", str(facility.database), str(script))
    assert done.returncode == 1
    assert f"{script}, line 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_dies_is_an_error(command, facility):
    with command.running("player", "dier", str(facility.database), SCRIPT) as player:
        read_until(player, "plays")
        [server] = descendants(player.pid)
        server.send_signal(signal.SIGKILL)
        output, _ = player.communicate(timeout=60)
        assert player.returncode == 1
        assert "DonkiPlayer/dier was ended by signal 9" in output


def test_kill_9_leaves_no_server_behind(command, facility):
    with command.running("player", "orphan", str(facility.database), SCRIPT) as player:
        read_until(player, "plays")
        children = descendants(player.pid)
        player.send_signal(signal.SIGKILL)
        player.wait()
        wait_until("the server is gone", lambda: all_gone(children), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("p", "nowhere.invalid:50010", SCRIPT), "the host 'nowhere.invalid' is not known"),
        (("p", "localhost", SCRIPT), "HOST:PORT is expected"),
        (("p/q", "localhost:50010", SCRIPT), "name 'p/q': letters, digits"),
        (("p", "localhost:50010", "nowhere.py"), "script 'nowhere.py': there is no such file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(command, arguments, message):
    done = command.run("player", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_database_is_said_with_the_remedy(command):
    address = f"localhost:{free_port()}"
    began = time.monotonic()
    done = command.run("player", "p", address, SCRIPT)
    assert took(began) < 5
    assert done.returncode == 1
    assert f"no Tango database answers at {address}; start one (donki director {address})" in done.stderr
