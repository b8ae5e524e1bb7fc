"""Several Directors that want the same Players at once, in every order of their requests."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.director.players.entry import RosterEntry
from donki.director.players.reserving import reserved
from donki.errors import DonkiError, NotAllowedError
from donki.player.player import Player
from donki.player.runs import reservation
from donki.player.runs.script_runner import ScriptRunner
from donki.run import Run

MOST = 5


class Turns:
    """Lets one thread go on at a time, drawn at random at each of its requests."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.changed = threading.Condition()
        self.waiting = set()
        self.all = set()
        self.has = None

    @contextmanager
    def taking_part(self, name):
        try:
            yield
        finally:
            with self.changed:
                self.all.discard(name)
                self.draw()

    def wait(self, name):
        with self.changed:
            self.waiting.add(name)
            self.has = None if self.has == name else self.has
            self.draw()
            self.changed.wait_for(lambda: self.has == name)
            self.waiting.discard(name)

    def draw(self):
        if self.has not in self.all - self.waiting and self.waiting == self.all and self.all:
            self.has = self.rng.choice(sorted(self.waiting))
            self.changed.notify_all()


class Players:
    """A roster for one Director: its requests reach the Players in the order of the turns."""

    def __init__(self, runners, turns, director):
        self.runners = runners
        self.turns = turns
        self.director = director

    def tell(self, entries, command, argument):
        (entry,) = entries
        self.turns.wait(self.director)
        script_runner = self.runners[entry.device.rpartition("/")[2]]
        if command == "Reserve":
            script_runner.reserve(Run.from_json(argument))
        else:
            script_runner.release(argument)


def play(wanted, seed):
    """Let Directors start at once, return who got its Players, who not, and the Players."""
    runners = {name: ScriptRunner(Player(name), lambda _run: None) for name in "abcde"}
    turns = Turns(seed)
    won, lost = {}, {}
    runs = {
        number: Run(f"run-{number}", director=f"donki/director/{number}") for number in range(len(wanted))
    }
    turns.all = set(runs)

    def start(number):
        # Each knows them by names of its own: in its database, or in full.
        prefix = "donki/player/" if number % 2 else f"tango://host{number}:10000/z/y/"
        entries = [RosterEntry(name, prefix + name, priority=p) for name, p in wanted[number].items()]
        random.Random(seed + number).shuffle(entries)
        with turns.taking_part(number):
            try:
                with reserved(Players(runners, turns, number), entries, runs[number]):
                    won[number] = {name for name, priority in wanted[number].items() if priority >= 0}
            except DonkiError as error:
                lost[number] = str(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in runs]
    with turns.changed:
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return won, lost, runners


def free(script_runner):
    try:
        script_runner.reserve(Run("one-more", director="donki/director/new"))
    except NotAllowedError:
        return False
    script_runner.release("one-more")
    return True


@given(directors=st.integers(2, MOST), disabled=st.booleans(), seed=st.integers(0, 10**6))
def test_of_directors_that_want_the_same_players_one_gets_them_and_the_others_say_who(
    directors, disabled, seed
):
    players = dict.fromkeys("abc", 0) | ({"d": -1} if disabled else {})
    won, lost, runners = play([players] * directors, seed)
    (winner,) = won
    assert set(lost) == set(range(directors)) - {winner}
    assert all(f"plays run run-{winner} of donki/director/{winner}" in said for said in lost.values())
    assert {name for name, script_runner in runners.items() if not free(script_runner)} == set("abc")


@given(
    wanted=st.lists(
        st.dictionaries(st.sampled_from("abcde"), st.sampled_from([-1, 0, 1]), min_size=1),
        min_size=2,
        max_size=MOST,
    ),
    seed=st.integers(0, 10**6),
)
def test_of_directors_that_share_some_players_at_least_one_begins_and_no_player_is_left_to_a_loser(
    wanted, seed
):
    won, lost, runners = play(wanted, seed)
    assert won
    players = [name for names in won.values() for name in names]
    assert len(players) == len(set(players))
    assert {name for name, script_runner in runners.items() if not free(script_runner)} == set(players)
    assert set(won) | set(lost) == set(range(len(wanted)))


def test_a_player_is_free_again_where_its_director_died_before_its_run_began(monkeypatch):
    now = 100.0
    monkeypatch.setattr(reservation.time, "monotonic", lambda: now)
    script_runner = ScriptRunner(Player("a"), lambda _run: None)
    script_runner.reserve(Run("mine", director="donki/director/1"))
    with pytest.raises(NotAllowedError, match="plays run mine of donki/director/1, which is about to begin"):
        script_runner.reserve(Run("another", director="donki/director/2"))
    # The Director that is back takes it.
    script_runner.reserve(Run("mine-too", director="donki/director/1"))
    now += reservation.LIFE
    script_runner.reserve(Run("another", director="donki/director/2"))
    script_runner.release("mine-too")
    assert not free(script_runner)
    script_runner.release("another")
    assert free(script_runner)
