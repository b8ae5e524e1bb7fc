"""The events of the last triggers, as a real Director shows them, against what Players say they sent."""

from __future__ import annotations

import json

import pytest
import tango

from donki.limits import OnError
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.support import wait_until

READ = ("State", "CompletedTriggers", "TriggerEvents", "PlayerTriggerEvents")


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted")
    broker = str(facility.start_broker())
    names = ("a", "b", "off")
    with an_orchestra(
        facility, folder, "counted", *names, script=SCRIPTS / "counted.py", KafkaBrokers=broker
    ) as orchestra:
        orchestra.players["off"].Priority = -1
        orchestra.players["b"].OnError = OnError.SKIP
        yield orchestra


def read(director):
    state, *values = (told.value for told in director.read_attributes(READ))
    return str(state), *values


def test_events_are_counted_trigger_by_trigger_and_player_by_player(orchestra):
    director = orchestra.director
    orchestra.players["b"].Parameters = json.dumps({"fail_at": 3})
    orchestra.refresh()
    director.Triggers = 5
    director.Start()
    assert orchestra.ended_in_alarm() == "ON"
    _, completed, total, by_player = read(director)
    assert completed == 5
    assert list(director.Players) == [orchestra.name(name) for name in ("a", "b", "off")]
    sent = [player.EventsSent for player in orchestra.players.values()]
    assert by_player.sum(axis=1).tolist() == sent
    assert (by_player[:2] > 0).tolist() == [[True] * 5, [True, True, False, True, True]]
    assert total.tolist() == by_player.sum(axis=0).tolist()


def test_what_one_request_reads_is_of_one_moment(orchestra):
    director = orchestra.director
    orchestra.players["b"].Parameters = "{}"
    orchestra.refresh()
    director.Triggers, director.Period = -1, 0.002
    pushed = []
    event = director.subscribe_event(
        "TriggerEvents", tango.EventType.CHANGE_EVENT, lambda event: pushed.append(event.attr_value.value)
    )
    director.Start()
    wait_until("it plays", lambda: director.CompletedTriggers > 2)
    first = read(director)[2]
    seen = 0
    for _ in range(200):
        _, completed, total, by_player = read(director)
        assert len(total) == completed < 4096
        assert total.tolist() == by_player.sum(axis=0).tolist()
        assert total[: len(first)].tolist() == first.tolist()
        assert completed >= seen
        seen = completed
    director.Stop()
    orchestra.ended_in_alarm()
    last = read(director)[2].tolist()
    assert sum(last) == sum(player.EventsSent for player in orchestra.players.values())
    wait_until("the last is pushed", lambda: list(pushed[-1]) == last)
    director.unsubscribe_event(event)
