"""What a Player's failure at a trigger means, by its policy."""

from __future__ import annotations

from typing import NamedTuple

from donki.director.rules.effects import Outcome
from donki.limits import OnError


class Policy(NamedTuple):
    """What follows for the trigger, for the Player and for the sequence.

    Attributes
    ----------
    outcome
        of the attempt that failed
    ends
        whether the sequence fails
    retries
        whether the Player first gets the trigger again, as often as its Retries say
    skips
        whether the trigger counts as missed
    disables
        whether the Player is left out for the rest of the run
    """

    outcome: Outcome
    ends: bool = False
    retries: bool = False
    skips: bool = False
    disables: bool = False


POLICIES = {
    OnError.ABORT: Policy(Outcome.FAILED, ends=True),
    OnError.SKIP: Policy(Outcome.SKIPPED, skips=True),
    OnError.RETRY: Policy(Outcome.FAILED, ends=True, retries=True),
    OnError.DISABLE: Policy(Outcome.DISABLED, disables=True),
}
