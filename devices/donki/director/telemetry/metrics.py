"""The metrics of Directors; needs the package prometheus-client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from donki.device.telemetry.families import Families
from donki.director.rules.effects import Attempt, Effect, Outcome, TriggerDone
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence


class DirectorMetrics(Families):
    """The metrics of the Directors at one port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.runs = self.counter(
            "donki_director_runs",
            "Runs that ended, by outcome: done, stopped, aborted or failed.",
            "outcome",
        )
        self.triggers = self.histogram(
            "donki_director_trigger_seconds",
            "How long triggers took, from when they were sent until all Players had done them.",
        )
        self.lateness = self.histogram(
            "donki_director_lateness_seconds", "How long after they were due triggers were sent."
        )
        self.overruns = self.counter(
            "donki_director_overruns", "Triggers that started late by more than 10 % of Period."
        )
        self.turns = self.histogram(
            "donki_director_turn_seconds",
            "How long a Player took for a trigger that it has done, as its Director sees it.",
            "player",
        )
        self.attempts = self.counter(
            "donki_director_attempts",
            "How Players' attempts at triggers ended: done, failed, skipped, disabled or aborted.",
            "player",
            "outcome",
        )

    def observer(self, device: str, sequence: Sequence) -> MeasuredRun:
        """Return what notes a run of a Director."""
        return MeasuredRun(self, device, sequence)


class MeasuredRun:
    """Notes what is done in one run of one Director, as a `RunObserver`."""

    def __init__(self, metrics: DirectorMetrics, device: str, sequence: Sequence) -> None:
        self._metrics = metrics
        self._device = device
        self._pace = sequence.pace
        self._noted = self._pace.overruns
        self._overruns = metrics.overruns.labels(device)
        self._triggers = metrics.triggers.labels(device)
        self._lateness = metrics.lateness.labels(device)
        self._sequence = sequence

    def note(self, effect: Effect) -> None:
        """Note an effect that is carried out."""
        if self._pace.overruns != self._noted:
            self._overruns.inc(self._pace.overruns - self._noted)
            self._noted = self._pace.overruns
        match effect:
            case Attempt():
                if effect.outcome is Outcome.DONE:
                    turns = self._metrics.turns.labels(self._device, effect.player)
                    turns.observe((effect.done - effect.sent) / SECOND)
                self._metrics.attempts.labels(self._device, effect.player, effect.outcome.value).inc()
            case TriggerDone():
                self._triggers.observe((effect.done - effect.sent) / SECOND)
                self._lateness.observe((effect.sent - effect.due) / SECOND)

    def ended(self) -> None:
        """Note how the run ended."""
        self._metrics.runs.labels(self._device, self._sequence.outcome).inc()
