"""A sequence on a virtual clock."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from donki_client.scenario.model import Scenario, ScenarioPlayer
from donki_client.scenario.simulation import MOST_TRIGGERS, rehearse

MS = 1_000_000
SCRIPT = Path("s.py")


def scenario(triggers=10, players=None, **more):
    players = players or {"p": {}}
    return Scenario(
        triggers=triggers,
        players={name: ScenarioPlayer(script=SCRIPT, **said) for name, said in players.items()},
        **more,
    )


def test_as_fast_as_possible_in_parallel_the_slowest_counts():
    rehearsal = rehearse(scenario(players={"a": {}, "b": {}}), {"a": [3 * MS], "b": [5 * MS]})
    assert (rehearsal.triggers, rehearsal.length) == (10, 50 * MS)


def test_in_series_the_times_add_up():
    players = {"a": {"priority": 0}, "b": {"priority": 1}, "c": {"priority": -1}}
    rehearsal = rehearse(scenario(players=players), {"a": [3 * MS], "b": [5 * MS], "c": [9 * MS]})
    assert rehearsal.length == 80 * MS


def test_with_a_period_the_last_action_is_added_and_nothing_is_late():
    rehearsal = rehearse(scenario(period=0.1), {"p": [30 * MS]})
    assert (rehearsal.length, rehearsal.late, rehearsal.worst) == (930 * MS, 0, 0)


def test_what_takes_longer_than_the_period_is_late_by_more_and_more():
    rehearsal = rehearse(scenario(period=0.1), {"p": [120 * MS]})
    assert rehearsal.length == 1200 * MS
    assert rehearsal.late == 9
    assert rehearsal.worst == 9 * 20 * MS


def test_the_first_action_counts_once_the_others_over_and_over():
    rehearsal = rehearse(scenario(5), {"p": [100 * MS, 1 * MS, 2 * MS]})
    assert rehearsal.length == (100 + 1 + 2 + 1 + 2) * MS


def test_what_is_not_known_takes_no_time():
    assert rehearse(scenario(), {}).length == 0


def test_a_timeout_ends_the_sequence_or_is_what_the_policy_says():
    failed = rehearse(scenario(players={"p": {"timeout": 0.01}}), {"p": [1 * MS, 20 * MS]})
    assert failed.failure == "Player p, trigger 2: no answer within its Timeout of 0.01 s"
    skipping = {"p": {"timeout": 0.01, "on_error": "SKIP"}, "q": {}}
    skipped = rehearse(scenario(players=skipping), {"p": [1 * MS, 20 * MS]})
    assert (skipped.failure, skipped.triggers) == ("", 10)
    assert skipped.timeouts["p"] == 9
    dropping = {"p": {"timeout": 0.01, "on_error": "DISABLE"}, "q": {}}
    dropped = rehearse(scenario(players=dropping), {"p": [1 * MS, 20 * MS]})
    assert (dropped.failure, dropped.timeouts["p"]) == ("", 1)
    retrying = {"p": {"timeout": 0.01, "on_error": "RETRY", "retries": 2}}
    retried = rehearse(scenario(players=retrying), {"p": [1 * MS, 20 * MS]})
    assert "trigger 2: no answer" in retried.failure
    assert retried.timeouts["p"] == 3


def test_of_a_long_sequence_the_first_triggers_tell_the_rest():
    rehearsal = rehearse(scenario(1_000_000, period=0.1), {"p": [30 * MS]})
    assert rehearsal.triggers == MOST_TRIGGERS
    assert math.isclose(rehearsal.length / 1e9, 100_000, rel_tol=1e-4)
    assert rehearse(scenario(-1, period=0.1), {"p": [30 * MS]}).length is None


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 200), min_size=1, max_size=5), min_size=4, max_size=4),
    st.sampled_from([0, 0.01, 0.05]),
    st.integers(1, 30),
)
def test_a_sequence_takes_at_least_what_its_levels_take_and_no_more_than_all_of_them(
    priorities, durations, period, triggers
):
    players = {f"p{number}": {"priority": priority} for number, priority in enumerate(priorities)}
    takes = {name: [MS * part for part in parts] for name, parts in zip(players, durations, strict=False)}
    rehearsal = rehearse(scenario(triggers, players, period=period), takes)
    longest = sum(max(parts) for parts in takes.values())
    assert rehearsal.failure == ""
    assert rehearsal.triggers == triggers
    least = (triggers - 1) * round(period * 1e9)
    assert least <= rehearsal.length <= triggers * max(longest, round(period * 1e9))
