"""Random faults at random moments: a few rounds of what ``python tests/chaos.py`` plays by the hundred."""

from __future__ import annotations

import pytest
from rich.console import Console

from chaos import table
from helpers.brokers import ApacheBroker, EmbeddedBroker
from helpers.chaos.campaign import play_rounds
from helpers.chaos.layout import APART, Layout
from helpers.chaos.plan import Kind
from helpers.chaos.scenery import a_stage

#: What shows that data which were acknowledged outlive the broker, and that nothing is there twice.
OF_THE_BROKER = (Kind.BROKER_KILLED, Kind.BROKER_PAUSED, Kind.SCRIPT_RAISES, Kind.PLAYER_KILLED)

#: What strikes the section as any Player, the Director above it, and those below it.
OF_A_SECTION = (Kind.PLAYER_KILLED, Kind.PLAYER_STOPPED, Kind.DIRECTOR_KILLED, Kind.SCRIPT_RAISES)

OF_HOSTS = (Kind.CABLE_CUT, Kind.HOST_KILLED)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("kind", "rounds", "faults", "layout"),
    [
        (EmbeddedBroker.kind, 8, tuple(Kind), APART),
        (EmbeddedBroker.kind, 8, tuple(Kind), Layout(together="bc")),
        (EmbeddedBroker.kind, 8, OF_A_SECTION, Layout(section="bc")),
        (EmbeddedBroker.kind, 4, OF_HOSTS, Layout(together="bc", on_hosts=True)),
        (ApacheBroker.kind, 4, OF_THE_BROKER, APART),
    ],
    ids=["apart", "together", "section", "hosts", "apache"],
)
def test_whatever_happens_no_trigger_is_lost_or_done_twice_and_nothing_hangs(
    tmp_path, kind, rounds, faults, layout
):
    with a_stage(tmp_path, layout, kind) as stage:
        tally = play_rounds(stage, 20_261_122, range(rounds), faults, lambda result: None)
    Console().print(table(tally))
    assert not tally.failed, "\n".join(str(result) for result in tally.failed)
    assert not tally.leaks
    assert tally.rounds == rounds
    # On a busy machine Apache Kafka takes so long to make topics that every fault may strike a set-up.
    assert tally.triggers > 2 * rounds or kind == ApacheBroker.kind
