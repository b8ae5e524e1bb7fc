"""The trace of a run: the run, and each trigger under it; needs the package opentelemetry-api."""

from __future__ import annotations

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from donki.device.telemetry.spans import ATTEMPT, PLAYER, RUN, TRIGGER
from donki.director.rules.effects import Ask, Attempt, Effect, Outcome, Task, TriggerDone
from donki.director.rules.sequence import Sequence
from donki.run import Run


class RunTrace:
    """Makes the trace of one run, as a `RunObserver`.

    What the conducting thread asks Players for belongs to the span of the trigger in progress, or between
    triggers to that of the run. What made the run begin may be in a trace of its own, to which it is linked.

    Parameters
    ----------
    tracer
        of the Director
    run
        which run
    sequence
        of the run
    """

    def __init__(self, tracer: Tracer, run: Run, sequence: Sequence) -> None:
        begun_by = get_current_span().get_span_context()
        self._tracer = tracer
        self._sequence = sequence
        self._attributes = {RUN: run.id}
        self._run = tracer.start_span(
            "run",
            Context(),
            attributes={**self._attributes, "donki.title": run.title},
            links=[Link(begun_by)] if begun_by.is_valid else (),
        )
        self._trigger: Span | None = None

    def note(self, effect: Effect) -> None:
        """Take an effect: a trigger begins, an attempt at it fails, it is complete."""
        match effect:
            case Ask(task=Task.TRIGGER):
                self._span_of(effect.trigger)
            case Ask():
                _enter(self._trigger or self._run)
            case Attempt() if effect.outcome is not Outcome.DONE:
                said: dict[str, str | int] = {
                    PLAYER: effect.player,
                    ATTEMPT: effect.attempt,
                    "donki.error": effect.error,
                }
                self._span_of(effect.trigger).add_event(effect.outcome.value, said)
            case TriggerDone():
                self._span_of(effect.trigger).end()
                self._trigger = None
                _enter(self._run)

    def ended(self) -> None:
        """End the run, and the trigger that was not completed."""
        failure = self._sequence.failure
        self._run.set_attribute("donki.outcome", self._sequence.outcome)
        for span in (self._trigger, self._run):
            if span and failure:
                span.set_status(StatusCode.ERROR, str(failure))
            if span:
                span.end()

    def _span_of(self, trigger: int) -> Span:
        if self._trigger is None:
            self._trigger = self._tracer.start_span(
                "trigger", set_span_in_context(self._run), attributes={**self._attributes, TRIGGER: trigger}
            )
            _enter(self._trigger)
        return self._trigger


def _enter(span: Span) -> None:
    """Let all that this thread does from now on belong to a span."""
    context.attach(set_span_in_context(span))
