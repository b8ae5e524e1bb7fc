"""A scenario with its sections, and theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from donki.run import Run
from donki.section_place import run_below
from donki_client.scenario.model.player import ScenarioPlayer
from donki_client.scenario.model.scenario import Scenario
from donki_client.scenario.model.section import ScenarioSection


class Below(NamedTuple):
    """A section, somewhere below a scenario.

    Attributes
    ----------
    path
        its name, after those of the sections that it plays in
    section
        as the scenario above it has it
    scenario
        what it plays
    database
        ``HOST:PORT`` of its Tango database; None where it is that of the scenario at the top
    """

    path: tuple[str, ...]
    section: ScenarioSection
    scenario: Scenario
    database: str | None

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]

    def run_id(self, above: str) -> str:
        """Return the id of its part of a run of the scenario at the top."""
        run = Run(above)
        for name in self.path:
            run = run_below(run, name)
        return run.id


def sections_below(
    scenario: Scenario, path: tuple[str, ...] = (), database: str | None = None
) -> Iterator[Below]:
    """Yield the sections of a scenario and theirs, each before those that play in it."""
    for name, section in scenario.sections.items():
        played = scenario.played_by(name)
        found = Below((*path, name), section, played, played.database or database)
        yield found
        yield from sections_below(played, found.path, found.database)


def scenarios_of(scenario: Scenario) -> Iterator[Scenario]:
    """Yield a scenario, and those of its sections and theirs."""
    yield scenario
    for below in sections_below(scenario):
        yield below.scenario


def changed_throughout(scenario: Scenario, change: Callable[[Scenario], Scenario]) -> Scenario:
    """Return a scenario changed, and those of its sections too; `change` returns a copy."""
    changed = change(scenario)
    for name in scenario.sections:
        changed.take_section(name, changed_throughout(scenario.played_by(name), change))
    return changed


def on_host(scenario: Scenario, host: str) -> Scenario:
    """Return the scenario of a section whose Players and sections are on a host, unless they name another."""
    return _placed(scenario, lambda named: named or host)


def on_this_machine(scenario: Scenario) -> Scenario:
    """Return a scenario whose Players and sections are all on this machine."""
    return _placed(scenario, lambda _named: "")


def _placed(scenario: Scenario, host_for: Callable[[str], str]) -> Scenario:
    """Return a scenario with other hosts; `host_for` is given each that is named, or an empty text."""

    def placed(part: Scenario) -> Scenario:
        update = {
            key: {name: each.model_copy(update={"host": host_for(each.host)}) for name, each in its.items()}
            for key, its in (("players", part.players), ("sections", part.sections))
        }
        return part.model_copy(update=update)

    return changed_throughout(scenario, placed)


def players_in(scenario: Scenario) -> dict[str, ScenarioPlayer]:
    """Return all Players by name, those of the sections too."""
    return {name: player for part in scenarios_of(scenario) for name, player in part.players.items()}


def hosts_of(scenario: Scenario) -> dict[str, list[str]]:
    """Return the hosts that are named, with the Players and sections that are there."""
    host_of = {name: player.host for name, player in players_in(scenario).items()}
    host_of |= {below.name: below.section.host for below in sections_below(scenario)}
    hosts: dict[str, list[str]] = {}
    for name, host in host_of.items():
        if host:
            hosts.setdefault(host, []).append(name)
    return hosts


def name_twice(scenario: Scenario) -> tuple[str, str] | None:
    """Return the first section with a name that is there already, and what is wrong; None if there is none.

    Players of one name would have the same random numbers, and in one database be the same device.
    """
    seen = {name.lower(): "at the top" for name in (*scenario.players, *scenario.sections)}
    for below in sections_below(scenario):
        where = f"in section {below.name}"
        for name in (*below.scenario.players, *below.scenario.sections):
            if other := seen.get(name.lower()):
                said = f"{name!r} {where} has the name of another {other}; names differ in all sections"
                return below.path[0], said
            seen[name.lower()] = where
    servers = {server.lower(): "at the top" for server in _servers(scenario)}
    for below in sections_below(scenario):
        where = f"in section {below.name}"
        its = _servers(below.scenario)
        for server in its:
            if other := servers.get(server.lower()):
                said = f"the server {server!r} {where} has the name of another {other}; rename one"
                return below.path[0], said
        servers |= {server.lower(): where for server in its}
    return None


def _servers(scenario: Scenario) -> set[str]:
    return {player.server or name for name, player in scenario.players.items()}
