"""Which Players share a device server: as the scenario says, else by what is known of their actions.

A process of its own costs a Player memory and time to start; in a process with others it shares Python's
global lock and their end. So those share of which it is known that they compute little. How long an action
takes is all that is known: one that only waits looks like one that computes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from donki.director.rules.pace import SECOND
from donki_client.console.many import counted, named
from donki_client.scenario.history import Known
from donki_client.scenario.model import Scenario

#: So many Players without a server have one each, whatever they do: little would be gained.
FEW = 8

#: So many that may compute much have a server each; more could not run side by side anyway.
MOST_ALONE = 32

#: An action is short up to so many ns, and up to this part of the period where there is one.
SHORT = 10_000_000
SHORT_PART = 0.1

#: So many servers are told one by one.
MOST_LINES = 10

WHY_FEW = f"as there are no more than {FEW} without one in the scenario"

#: The cores of this machine.
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class ServerChoice:
    """A server with the Players that it holds, and why it holds them."""

    server: str
    host: str
    players: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Placement:
    """A scenario whose Players all name a server, and the choices that were made."""

    scenario: Scenario
    servers: tuple[ServerChoice, ...]

    def lines(self, most: int = MOST_LINES) -> list[str]:
        """Return a line for each server; where there are more than `most`, one for each reason."""
        if all(choice.why == WHY_FEW for choice in self.servers):
            return [f"one for each Player, {WHY_FEW}"]
        if len(self.servers) <= most:
            return [
                f"{choice.server}{f' on {choice.host}' if choice.host else ''}: "
                f"{named(choice.players)}; {choice.why}"
                for choice in self.servers
            ]
        reasons: dict[str, list[ServerChoice]] = {}
        for choice in self.servers:
            reasons.setdefault(choice.why, []).append(choice)
        return [
            f"{counted(len(choices), 'server')} with "
            f"{counted(sum(len(choice.players) for choice in choices), 'Player')}, "
            f"{named([choice.server for choice in choices])}; {why}"
            for why, choices in reasons.items()
        ]


def stated(scenario: Scenario) -> list[ServerChoice]:
    """Return the servers as the scenario says alone: who names none has one to itself."""
    together: dict[str, list[str]] = {}
    for name, player in scenario.players.items():
        together.setdefault(player.server or name, []).append(name)
    return [
        ServerChoice(
            server,
            scenario.players[players[0]].host,
            tuple(players),
            "as the scenario says" if scenario.players[players[0]].server else "alone, as it names none",
        )
        for server, players in together.items()
    ]


def place(scenario: Scenario, known: Known, name: str, cores: int = CORES) -> Placement:
    """Choose a server for each Player of this machine that names none.

    Parameters
    ----------
    scenario
        whose Players they are
    known
        what is known of their actions
    name
        of the servers that they share, before a number
    cores
        for how many processes there is room
    """
    free = [player for player, settings in scenario.players.items() if not (settings.server or settings.host)]
    choices = [choice for choice in stated(scenario) if not set(choice.players).issubset(free)]
    short = _short(scenario)
    new_name = _names(name, [*(choice.server for choice in choices), *scenario.players])
    ways = _ways(free, known, short)
    choices += [ServerChoice(player, "", (player,), ways[player]) for player in ways]
    shared = [player for player in free if player not in ways]
    choices += [
        ServerChoice(new_name(), "", tuple(group), why)
        for group, why in _shared(scenario, shared, known, short, cores)
    ]
    server_of = {player: choice.server for choice in choices for player in choice.players}
    placed = {
        player: settings.model_copy(update={"server": server_of[player]})
        for player, settings in scenario.players.items()
    }
    return Placement(scenario.model_copy(update={"players": placed}), tuple(choices))


def _short(scenario: Scenario) -> float:
    """Return how long an action may take, in ns, to be a short one."""
    period = scenario.trigger_period * SECOND
    return min(SHORT, SHORT_PART * period) if period else SHORT


def _names(name: str, taken: Iterable[str]) -> Callable[[], str]:
    lower = {other.lower() for other in taken}
    free = (server for number in count(1) if (server := f"{name}-{number}").lower() not in lower)
    return lambda: next(free)


def _ways(players: Sequence[str], known: Known, short: float) -> dict[str, str]:
    """Return the Players that have a server of their own, and why."""
    if len(players) <= FEW:
        return dict.fromkeys(players, WHY_FEW)
    unknown, longer = {}, {}
    for player in players:
        experience = known[player]
        if experience is None:
            unknown[player] = "alone, as nothing is known of its action"
        elif experience.acting > short:
            longer[player] = f"alone, as its action takes more than {_ms(short)}"
    for alone in ({**unknown, **longer}, longer):
        if len(alone) <= MOST_ALONE:
            return alone
    return {}


def _shared(
    scenario: Scenario, players: Sequence[str], known: Known, short: float, cores: int
) -> list[tuple[list[str], str]]:
    """Return the Players of each server that is shared, and why they share it."""
    if not players:
        return []

    def takes(player: str) -> float:
        experience = known[player]
        return experience.acting if experience else 0.0

    # Each level, which acts at once, and the longest actions of it are spread over all.
    order = sorted(players, key=lambda player: (scenario.players[player].priority, -takes(player)))
    groups = [order[first::cores] for first in range(min(cores, len(order)))]
    unsure = sum(known[player] is None or takes(player) > short for player in players)
    why = f"shared, as an action takes at most {_ms(short)}"
    if unsure:
        why = f"shared, as {unsure:,} of them are too many to be alone; at most {MOST_ALONE} are"
    place_of = {player: number for number, player in enumerate(scenario.players)}
    return [(sorted(group, key=place_of.__getitem__), why) for group in groups]


def _ms(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e6:.3g} ms"
