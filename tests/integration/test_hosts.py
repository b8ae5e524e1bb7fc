"""Players on other machines: one host with database, broker and Director, two with a Player each."""

from __future__ import annotations

import sys
import time

import pytest
import tango

from donki.limits import OnError
from donki_client.address import Address
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Processes
from donki_client.facility.servers import register
from helpers.network import hosts
from helpers.orchestra import Orchestra
from helpers.support import free_port, took, wait_until
from helpers.tango_world import is_up

TIMEOUT = 1.0  # s, of a Player's action
NOTICED = 2.0  # s that a busy machine may take on top
TRIGGERS = 5


class Beamline(Orchestra):
    """An orchestra whose Players are on hosts of their own."""

    def __init__(self, facility, folder, players):
        super().__init__(facility, folder, "far")
        self.hosts = players
        self._servers = Processes(folder)

    def start_player(self, name):
        server = self.player_server(name)
        host = self.hosts[name]
        fixed = f"{free_port()}"
        published = f"giop:tcp:{host.ip}:{fixed}"
        end_points = {
            # on its own address alone, on a port that it chooses
            "near": ["-ORBendPoint", f"giop:tcp:{host.ip}:"],
            # on all addresses, known to others by the one that is published
            "open": ["-ORBendPoint", f"giop:tcp::{fixed}", "-ORBendPointPublish", published],
        }
        register(self.facility.database, server)
        command = [sys.executable, "-m", server.module, server.instance, *end_points[name]]
        where = {"TANGO_HOST": self.facility.database.tango_host}
        self.children[name] = self._servers.start(name, host.command(*command), where)
        self.players[name] = self.proxy(server.device)
        wait_until(f"{name} answers", lambda: is_up(self.players[name]), 30)

    def missed(self, name):
        return int(self.director.SkippedTriggers[list(self.director.Players).index(self.name(name))])

    def stop(self):
        self._servers.stop()
        self.children["director"].kill()


@pytest.fixture(scope="module")
def the_beamline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    with hosts(2) as (here, (first, second)), LocalFacility(folder) as facility:
        facility.start_database(Address(here, free_port()))
        beamline = Beamline(facility, folder, {"near": first, "open": second})
        beamline.start()
        try:
            for name in beamline.hosts:
                beamline.start_player(name)
            yield beamline
        finally:
            beamline.stop()


@pytest.fixture
def beamline(the_beamline):
    for host in the_beamline.hosts.values():
        host.mend()
    for name, player in the_beamline.players.items():
        wait_until(f"{name} answers", lambda player=player: is_up(player), 20)
    the_beamline.reset()
    for player in the_beamline.players.values():
        player.Timeout = TIMEOUT
        player.OnError = OnError.ABORT
    yield the_beamline
    for host in the_beamline.hosts.values():
        host.mend()


def acted(beamline, name):
    """Return the triggers that a Player has completed, in order."""
    return [note["trigger"] for note in beamline.notes("end", name)]


def test_a_sequence_plays_across_hosts(beamline):
    assert beamline.play(TRIGGERS) == "ON", beamline.director.LastError
    for name in beamline.hosts:
        assert acted(beamline, name) == list(range(1, TRIGGERS + 1))


def test_a_player_is_known_by_the_address_that_it_publishes(beamline):
    database = tango.Database(*beamline.facility.database.tango_host.split(":"))
    for name, host in beamline.hosts.items():
        info = database.get_device_info(f"donki/player/{beamline.name(name)}")
        reference = bytes.fromhex(info.ior.removeprefix("IOR:"))
        assert host.ip.encode() in reference
        assert b"127.0.0.1" not in reference


def test_change_events_cross_the_network(beamline):
    player = beamline.players["near"]
    shown = []
    number = player.subscribe_event(
        "Priority", tango.EventType.CHANGE_EVENT, lambda event: shown.append(event.attr_value.value)
    )
    player.Priority = 7
    wait_until("the event", lambda: shown and shown[-1] == 7)
    player.unsubscribe_event(number)


@pytest.mark.parametrize("policy", [OnError.SKIP, OnError.RETRY])
def test_a_cable_is_cut_and_mended_in_mid_run(beamline, policy):
    director, host = beamline.director, beamline.hosts["open"]
    beamline.players["open"].OnError = policy
    beamline.players["open"].Retries = 100
    beamline.refresh()
    director.Period = 0.1
    director.Triggers = -1
    director.Start()
    wait_until("triggers are under way", lambda: director.CurrentTrigger > 3)
    host.cut()
    began = time.monotonic()
    if policy is OnError.SKIP:
        wait_until("a trigger is missed", lambda: beamline.missed("open") > 0, TIMEOUT + NOTICED)
    else:
        held = "waiting for far-open"
        wait_until(
            "the trigger is held", lambda: time.monotonic() - began > TIMEOUT and held in director.Status()
        )
        assert beamline.state() in ("RUNNING", "ALARM")
    assert took(began) < TIMEOUT + NOTICED
    far = len(acted(beamline, "near"))
    if policy is OnError.SKIP:
        wait_until("the other goes on", lambda: len(acted(beamline, "near")) > far + 3)
    host.mend()
    before = len(acted(beamline, "open"))
    wait_until("it plays again", lambda: len(acted(beamline, "open")) > before + 5, 30)
    director.Stop()
    assert beamline.ended_in_alarm() == "ON", director.LastError
    last = director.CurrentTrigger
    assert acted(beamline, "near") == list(range(1, last + 1))
    done = acted(beamline, "open")
    if policy is OnError.RETRY:
        assert sorted(set(done)) == list(range(1, last + 1))
    else:
        assert len(set(done)) + beamline.missed("open") >= last


def test_a_host_that_is_gone_is_named_in_time(beamline):
    director, host = beamline.director, beamline.hosts["open"]
    director.Period = 0.1
    director.Triggers = -1
    director.Start()
    wait_until("triggers are under way", lambda: director.CurrentTrigger > 3)
    host.cut()
    began = time.monotonic()
    assert beamline.ended_in_alarm(TIMEOUT + NOTICED) == "FAULT"
    assert took(began) < TIMEOUT + NOTICED
    assert "far-open" in director.LastError
    assert "trigger" in director.LastError
    wait_until(
        "the roster shows it",
        lambda: dict(zip(director.Players, director.PlayerStates, strict=True))["far-open"] == "UNKNOWN",
    )
    assert any("far-open" in line for line in director.Check())
