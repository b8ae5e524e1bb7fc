"""What is said of a scenario while it is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from donki.texts import visible
from donki_client.api.player import Sent
from donki_client.console.many import counted
from donki_client.scenario.model import Scenario, hosts_of
from donki_client.scenario.placement.choice import Placement
from donki_client.scenario.playing.played_sections import PlayedSection


class Telling:
    """Says of a scenario, line by line, what is played.

    Parameters
    ----------
    scenario
        what is played
    console
        where it is shown
    """

    def __init__(self, scenario: Scenario, console: Console) -> None:
        self._scenario = scenario
        self._console = console

    def line(self, text: str) -> None:
        """Say something as it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def say(self, what: str, text: str) -> None:
        """Say something of something."""
        self.line(f"{what:<15} {visible(text)}")

    def servers(self, placement: Placement) -> None:
        """Say which servers the Players have."""
        for number, line in enumerate(placement.lines()):
            self.say("" if number else "Servers", line)

    def parts(self, sections: Sequence[PlayedSection]) -> None:
        """Say how many triggers there are, who plays, and where."""
        scenario = self._scenario
        many = "triggers until Ctrl-C" if scenario.is_endless else counted(scenario.triggers, "trigger")
        self.say("Director", f"{many} {_pace(scenario)}")
        self.say("Players", f"{len(scenario.players) + len(scenario.sections)}, {_order(scenario)}")
        for section in sections:
            played = section.below.scenario
            self.say("Section", f"{'/'.join(section.below.path)}: {counted(len(played.players), 'Player')}")
        for host, its in hosts_of(scenario).items():
            self.say(f"Host {host}", ", ".join(its))

    def readouts(self, sent: Mapping[str, Sent | None]) -> None:
        """Say how many readouts went where."""
        receivers = {
            name: player.readout for name, player in self._scenario.players.items() if player.readout
        }
        told = {name: said for name in receivers if (said := sent[name])}
        if told and not any(said.packets for said in told.values()):
            self.say("Readouts", "none were sent: no stream of the scripts has a readout")
        for name, said in told.items():
            if said.packets:
                many = f"{counted(said.readouts, 'readout')} in {counted(said.packets, 'packet')}"
                self.say("Readouts", f"{name} sent {many} to {receivers[name]}, which acknowledges none")


def _pace(scenario: Scenario) -> str:
    if scenario.rate:
        return f"at {scenario.rate:g} Hz"
    return f"every {scenario.period:g} s" if scenario.period else "as fast as the Players answer"


def _order(scenario: Scenario) -> str:
    of_players = [player.priority for player in scenario.players.values()]
    of_sections = [section.priority for section in scenario.sections.values()]
    priorities = [priority for priority in of_players + of_sections if priority >= 0]
    if len(set(priorities)) == 1:
        return "all at once"
    if len(set(priorities)) == len(priorities):
        return "one after the other"
    return f"in {len(set(priorities))} levels of priority"
