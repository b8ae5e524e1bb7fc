"""Metrics cost nothing where nobody wants them, and the dashboard shows those that there are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from donki.device.telemetry.metrics_port import parse_metrics_port
from donki.errors import InputError

DASHBOARD = Path(__file__).parents[3] / "docs" / "how-to" / "grafana_dashboard.json"


def test_devices_import_no_package_for_metrics_on_their_own():
    code = "import donki.director.device, donki.player.device, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert "donki.player.device" in done.stdout.split()
    assert "prometheus_client" not in done.stdout.split()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        (" ", None),
        ("9100", ("0.0.0.0", 9100)),
        (" 9100 ", ("0.0.0.0", 9100)),
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("[::1]:9100", ("::1", 9100)),
    ],
)
def test_a_port_is_read(text, address):
    assert parse_metrics_port(text) == address


@pytest.mark.parametrize("text", ["0", "65536", "here", "here:", ":9100", "a b:9100", "-1", "9100.0", "٩"])
def test_a_wrong_port_is_refused_by_its_text(text):
    with pytest.raises(InputError, match="PORT or HOST:PORT is expected") as refused:
        parse_metrics_port(text)
    assert repr(text) in str(refused.value)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("donki.device.telemetry.metrics_port.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=re.escape("pip install 'donkiorchestra[metrics]'")):
        parse_metrics_port("9100")


def labels_by_metric():
    """Return the metrics that Prometheus keeps, each with its labels."""
    from prometheus_client import CollectorRegistry

    from donki.device.telemetry.families import DEVICE
    from donki.director.telemetry.metrics import DirectorMetrics
    from donki.player.telemetry.metrics import PlayerMetrics

    registry = CollectorRegistry()
    found = {}
    for families in (DirectorMetrics(registry), PlayerMetrics(registry)):
        for noted in families._noted:
            noted.labels(*["x"] * len(noted._labelnames))
        for read in families.READ:
            found[f"{read.name}_total" if read.kind.__name__.startswith("Counter") else read.name] = {DEVICE}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_dashboard_names_metrics_and_labels_that_exist():
    known = labels_by_metric()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    targets = [target for panel in panels for target in panel["targets"]]
    shown = set()
    for target in targets:
        names = re.findall(r"\bdonki_\w+", target["expr"])
        assert names
        labels = {label for by in re.findall(r"by \((.*?)\)", target["expr"]) for label in by.split(", ")}
        labels |= set(re.findall(r"[{,] ?(\w+)(?:=|!=|=~)", target["expr"]))
        labels |= set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        for name in names:
            assert name in known
            assert labels <= known[name] | {"le"}
        shown |= {re.sub(r"_(bucket|count)$", "", name) for name in names}
    of_all = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in known}
    counters = {name.removesuffix("_total") for name in of_all if name.endswith("_total")}
    assert shown == of_all - counters
