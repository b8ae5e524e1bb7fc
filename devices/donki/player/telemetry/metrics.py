"""The metrics of Players; needs the package prometheus-client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from donki.device.telemetry.families import Families, Read
from donki.errors import DonkiError
from donki.player.report import Report
from donki.player.trigger import Trigger
from donki.run import Run


class PlayerMetrics(Families):
    """The metrics of the Players at one port; what is read is read from a `ScriptRunner`."""

    READ = (
        Read(
            CounterMetricFamily,
            "donki_player_events",
            "Events that were delivered.",
            lambda runner: runner.session.total.events,
        ),
        Read(
            CounterMetricFamily,
            "donki_player_messages",
            "Kafka messages that were delivered.",
            lambda runner: runner.session.total.messages,
        ),
        Read(
            CounterMetricFamily,
            "donki_player_bytes",
            "Bytes of the Kafka messages that were delivered.",
            lambda runner: runner.session.total.bytes,
        ),
        Read(
            CounterMetricFamily,
            "donki_player_readout_packets",
            "UDP packets of raw readouts that were sent.",
            lambda runner: runner.session.total.packets,
        ),
        Read(
            CounterMetricFamily,
            "donki_player_readouts",
            "Raw readouts that were sent.",
            lambda runner: runner.session.total.readouts,
        ),
        Read(
            GaugeMetricFamily,
            "donki_player_queue_messages",
            "Kafka messages that wait for the broker's acknowledgement.",
            lambda runner: runner.session.queue.messages,
        ),
        Read(
            GaugeMetricFamily,
            "donki_player_queue_bytes",
            "Bytes of the Kafka messages that wait for the broker's acknowledgement.",
            lambda runner: runner.session.queue.bytes,
        ),
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.actions = self.histogram(
            "donki_player_action_seconds",
            "How long the triggers that were done took, from their arrival until their data were delivered.",
        )
        self.failures = self.counter(
            "donki_player_failures", "Failures of setup, action or stop, aborted actions too.", "act"
        )

    def observer(self, device: str) -> MeasuredPlayer:
        """Return what notes what the script of a Player does."""
        return MeasuredPlayer(self, device)


class MeasuredPlayer:
    """Notes what one Player's script does, as a `ScriptObserver`."""

    def __init__(self, metrics: PlayerMetrics, device: str) -> None:
        self._actions = metrics.actions.labels(device)
        self._failures = {act: metrics.failures.labels(device, act) for act in ("setup", "action", "stop")}

    def acting(self, run: Run, trigger: Trigger) -> None:
        """Note nothing yet."""

    def acted(self, report: Report) -> None:
        """Note a trigger that was done."""
        self._actions.observe(report.duration)

    def failed(self, act: str, _failure: DonkiError) -> None:
        """Note a failure."""
        self._failures[act].inc()
