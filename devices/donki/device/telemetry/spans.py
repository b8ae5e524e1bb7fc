"""What the spans of our traces say."""

from __future__ import annotations

#: Of which run, trigger, Player and attempt a span is.
RUN, TRIGGER, PLAYER, ATTEMPT = "donki.run", "donki.trigger", "donki.player", "donki.attempt"
