"""Random faults at random moments: a few rounds of what ``python tests/chaos.py`` plays by the hundred."""

from __future__ import annotations

import pytest
from rich.console import Console

from chaos import table
from helpers.brokers import ApacheBroker, EmbeddedBroker, new_broker
from helpers.chaos.campaign import play_rounds
from helpers.chaos.plan import Kind

#: What shows that data which were acknowledged outlive the broker, and that nothing is there twice.
OF_THE_BROKER = (Kind.BROKER_KILLED, Kind.BROKER_PAUSED, Kind.SCRIPT_RAISES, Kind.PLAYER_KILLED)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("kind", "rounds", "faults", "together"),
    [
        (EmbeddedBroker.kind, 8, tuple(Kind), ""),
        (EmbeddedBroker.kind, 8, tuple(Kind), "bc"),
        (ApacheBroker.kind, 4, OF_THE_BROKER, ""),
    ],
)
def test_whatever_happens_no_trigger_is_lost_or_done_twice_and_nothing_hangs(
    tmp_path, kind, rounds, faults, together
):
    with new_broker(kind) as broker:
        tally = play_rounds(
            tmp_path, broker, 20_261_122, range(rounds), faults, lambda result: None, together
        )
    Console().print(table(tally))
    assert not tally.failed, "\n".join(str(result) for result in tally.failed)
    assert not tally.leaks
    assert tally.rounds == rounds
    # On a busy machine Apache Kafka takes so long to make topics that every fault may strike a set-up.
    assert tally.triggers > 2 * rounds or kind == ApacheBroker.kind
