"""The spans of a Player's actions; needs the package opentelemetry-api."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from donki.device.telemetry.spans import ATTEMPT, PLAYER, RUN, TRIGGER
from donki.errors import DonkiError
from donki.player.report import Report
from donki.player.trigger import Trigger
from donki.run import Run


class ActionSpans:
    """Makes a span of each action, as a `ScriptObserver`, under that of whoever asked for it.

    What the script does meanwhile belongs to it too: spans of its own, and calls to other Tango devices.

    Parameters
    ----------
    tracer
        gives that of the Player
    player
        its name
    """

    def __init__(self, tracer: Callable[[], Tracer], player: str) -> None:
        self._tracer = tracer
        self._player = player
        self._acting: tuple[Span, Token[Context]] | None = None

    def acting(self, run: Run, trigger: Trigger) -> None:
        """Begin the span of an action."""
        attributes: dict[str, str | int] = {
            RUN: run.id,
            TRIGGER: int(trigger),
            PLAYER: self._player,
            ATTEMPT: trigger.attempt,
        }
        span = self._tracer().start_span("action", attributes=attributes)
        self._acting = span, context.attach(set_span_in_context(span))

    def acted(self, report: Report) -> None:
        """End it, with what was delivered."""
        self._end(
            {"donki.events": report.events, "donki.messages": report.messages, "donki.bytes": report.bytes}
        )

    def failed(self, act: str, failure: DonkiError) -> None:
        """End it with its failure, if it is the action that failed."""
        if act == "action":
            self._end({}, str(failure))

    def _end(self, said: dict[str, int], failure: str = "") -> None:
        if self._acting is None:
            return
        (span, token), self._acting = self._acting, None
        span.set_attributes(said)
        if failure:
            span.set_status(StatusCode.ERROR, failure)
        span.end()
        context.detach(token)
