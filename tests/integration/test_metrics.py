"""Prometheus reads from Director and Players what their attributes say."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from donki.limits import OnError
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import Child
from helpers.brokers import EmbeddedBroker
from helpers.orchestra import SCRIPTS, an_orchestra, one_server
from helpers.support import free_port, needs, wait_until
from helpers.tango_world import proxy_of

DASHBOARD = Path(__file__).parents[2] / "docs" / "how-to" / "grafana_dashboard.json"
TRIGGERS = 6


def scraped(address):
    """Return the samples at a port, by device, metric and what else the labels say, by their names."""
    with urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "le" not in sample.labels:
                device = sample.labels.pop("device")
                samples[device, sample.name, *sample.labels.values()] = sample.value
    return samples


def is_closed(address):
    try:
        scraped(address)
    except URLError:
        return True
    return False


@pytest.fixture(scope="module")
def stage(facility, tmp_path_factory):
    """A Director with a port of its own, and two Players of one server that share a port."""
    of_players, of_director = (f"127.0.0.1:{free_port()}" for _ in range(2))
    director = DeviceServer.director(
        "metrics",
        PlayerDevices="donki/player/metrics-*",
        RunDirectory=str(tmp_path_factory.mktemp("metrics")),
        MetricsPort=of_director,
    )
    with ExitStack() as running:
        broker = running.enter_context(EmbeddedBroker())
        servers = [
            DeviceServer.player(
                f"metrics-{name}",
                SCRIPTS / "streaming.py",
                parameters={"topic": "metrics", "source": name, "sleep": 0.01, "fail_at": fail_at},
                on_error=OnError.RETRY,
                retries=1,
                KafkaBrokers=broker.address,
                ValuesTopic="metrics_values",
                MetricsPort=of_players,
            )
            for name, fail_at in (("a", 3), ("b", 0))
        ]
        in_one = [replace(server, instance=servers[0].instance) for server in servers]
        players = running.enter_context(one_server(facility, in_one))
        (child,) = facility.start_servers(director)
        running.callback(child.kill)
        director = proxy_of(facility.database, director.device)
        for player in players:
            wait_until("it has its script", lambda player=player: str(player.state()) == "ON", 30)
        director.Period = 0.005
        wait_until("the Director is ready", lambda: not director.Check(), 30)
        yield director, players, of_director, of_players


def of_name(proxy):
    return proxy.dev_name()


def check_director(director, players, samples, runs):
    name = of_name(director)
    assert samples[name, "donki_director_trigger_seconds_count"] == runs * TRIGGERS
    assert samples[name, "donki_director_lateness_seconds_count"] == runs * TRIGGERS
    assert samples[name, "donki_director_runs_total", "done"] == runs
    for player in director.Players:
        assert samples[name, "donki_director_turn_seconds_count", player] == runs * TRIGGERS
        assert samples[name, "donki_director_attempts_total", "done", player] == runs * TRIGGERS
    assert samples[name, "donki_director_attempts_total", "failed", "metrics-a"] == runs
    assert (name, "donki_director_attempts_total", "failed", "metrics-b") not in samples


def check_players(players, samples, runs):
    for player in players:
        name = of_name(player)
        assert samples[name, "donki_player_action_seconds_count"] == runs * TRIGGERS
        assert samples[name, "donki_player_events_total"] == runs * player.EventsSent == runs * TRIGGERS * 3
        assert samples[name, "donki_player_messages_total"] == runs * player.MessagesSent
        assert samples[name, "donki_player_bytes_total"] == runs * player.BytesSent > 0
        assert samples[name, "donki_player_queue_messages"] == samples[name, "donki_player_queue_bytes"] == 0
        failed = runs if player is players[0] else 0
        assert samples[name, "donki_player_failures_total", "action"] == failed
        assert samples[name, "donki_player_failures_total", "stop"] == 0


def test_what_prometheus_reads_is_what_the_attributes_say(stage):
    director, players, of_director, of_players = stage
    overruns = 0
    for runs in (1, 2):
        director.Triggers = TRIGGERS
        director.Start()
        wait_until("the run ends", lambda: str(director.state()) not in ("RUNNING", "ALARM"), 30)
        assert str(director.state()) == "ON", director.Status()
        assert director.CurrentTrigger == TRIGGERS
        samples = scraped(of_director)
        check_director(director, players, samples, runs)
        overruns += director.Overruns
        assert samples[of_name(director), "donki_director_overruns_total"] == overruns > 0
        check_players(players, scraped(of_players), runs)
    a, b = (of_name(player) for player in players)
    took = scraped(of_players)
    assert took[a, "donki_player_action_seconds_sum"] >= TRIGGERS * 0.01
    # Init counts from the start again, and what the other has counted stays.
    players[0].Init()
    wait_until("it has its script again", lambda: str(players[0].state()) == "ON", 30)
    after = scraped(of_players)
    assert after[a, "donki_player_events_total"] == after[a, "donki_player_failures_total", "action"] == 0
    assert after[a, "donki_player_action_seconds_count"] == 0
    of_b = {key: value for key, value in took.items() if key[0] == b}
    assert of_b.items() <= after.items()


def test_a_port_that_is_taken_is_said_and_freed_by_the_last_that_shares_it(facility, tmp_path):
    taken, free = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with an_orchestra(
        facility, tmp_path, "taken", "first", "second", director=False, MetricsPort=taken
    ) as some:
        by_state = {str(player.state()): player for player in some.players.values()}
        served, refused = by_state["ON"], by_state["FAULT"]
        said = f"the property MetricsPort: {taken} cannot be opened (Address already in use)"
        assert refused.Status().startswith(said)
        assert refused.Check()[0].startswith(said)
        assert of_name(refused) not in {device for device, *_ in scraped(taken)}

        refused.put_property({"MetricsPort": free})
        refused.Init()
        wait_until("it has its script again", lambda: str(refused.state()) == "ON", 30)
        assert of_name(refused) in {device for device, *_ in scraped(free)}

        served.put_property({"MetricsPort": ""})
        served.Init()
        assert is_closed(taken)
        refused.put_property({"MetricsPort": taken})
        refused.Init()
        assert of_name(refused) in {device for device, *_ in scraped(taken)}
        assert is_closed(free)


def test_prometheus_itself_reads_all_that_the_dashboard_shows(stage, tmp_path):
    program = shutil.which("prometheus")
    needs("Prometheus", program, "apt-get install prometheus to let it read the metrics")
    _, _, *addresses = stage
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "donki", "static_configs": [{"targets": addresses}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    listens = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={listens}",
    ]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    child = Child("prometheus", command, tmp_path / "prometheus.log", {})

    def answered(query):
        query = query.replace("$__rate_interval", "1m").replace("$device", ".*")
        with urlopen(f"http://{listens}/api/v1/query?query={quote(query)}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    try:
        child.wait_for("ready to receive web requests", 60)
        for query in queries:
            wait_until(f"an answer to {query}", lambda query=query: answered(query), 20)
    finally:
        child.kill()
