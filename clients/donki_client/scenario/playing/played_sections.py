"""The sections of a scenario that is played: their servers, and what was found of their data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.api.player import Sent
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.scenario.history import History
from donki_client.scenario.model import Below
from donki_client.scenario.placement.choice import place
from donki_client.scenario.placement.servers import player_servers, section_server
from donki_client.scenario.playing.summary import Result
from donki_client.verify.kafka.read_back import ReadBack

if TYPE_CHECKING:
    from donki_client.verify.run_data import RunData


@dataclass
class PlayedSection:
    """A section that is played.

    Attributes
    ----------
    below
        which one
    servers
        of its Director and its Players
    broker
        that its Players send to
    read_back
        what was read back meanwhile
    data
        what was found of its run; None before
    """

    below: Below
    servers: list[DeviceServer]
    broker: str
    read_back: ReadBack
    data: RunData | None = None

    @property
    def uncompared(self) -> str:
        """What is not known of its data where its journal cannot be read."""
        name, host = "/".join(self.below.path), self.below.section.host
        return f"the data of section {name} were not compared: its journal is on host {host}"

    def database(self, top: Address) -> Address:
        """Return where its Tango database is; `top`, where that of the scenario at the top is."""
        return Address.parse(self.below.database) if self.below.database else top

    def director(self, top: Address) -> Director:
        """Return its Director; `top` as for `database`."""
        return Director(f"donki/section/{self.below.name}", self.database(top))


def play_sections(
    sections: Iterator[Below], journal: Path, broker: str, stack: ExitStack
) -> list[PlayedSection]:
    """Return the sections as they are to be played; what reads their data back ends with the stack."""
    played = []
    for below in sections:
        own = below.scenario.broker or broker
        choices = place(below.scenario, History(journal).known(below.scenario), below.name).servers
        servers = [*player_servers(below.scenario, choices, own), section_server(below, journal, own)]
        played.append(PlayedSection(below, servers, own, stack.enter_context(ReadBack(own, journal))))
    return played


def start_elsewhere(
    sections: list[PlayedSection], folder: Path, stack: ExitStack, tell: Callable[[str], object]
) -> None:
    """Start the servers of those that name a Tango database; they end with the stack."""
    for database in dict.fromkeys(section.below.database for section in sections):
        if database is None:
            continue
        facility = stack.enter_context(LocalFacility(folder / f"section-{database.replace(':', '-')}"))
        facility.use_database(Address.parse(database))
        servers = [
            server for section in sections if section.below.database == database for server in section.servers
        ]
        facility.start_servers(*servers, tell=tell)


def servers_here(sections: Iterable[PlayedSection]) -> list[DeviceServer]:
    """Return the servers of those that are in the Tango database of the scenario at the top."""
    return [server for section in sections if not section.below.database for server in section.servers]


def results_of(
    sections: Iterable[PlayedSection],
    director: Director,
    database: Address,
    sent: Callable[[Address, str], Sent | None],
) -> list[Result]:
    """Return what each section did as a Player, as the Director above has seen it, and each of its Players.

    Parameters
    ----------
    sections
        each after the one that it plays in
    director, database
        of the scenario at the top
    sent
        asks a Player in a database what it has sent
    """
    directors: dict[tuple[str, ...], Director] = {(): director}
    results = []
    for section in sections:
        below, where = section.below, section.database(database)
        own = directors[below.path] = section.director(database)
        above = directors[below.path[:-1]].players
        [seen] = [each for each in above if each.name.lower() == below.name.lower()]
        # Its events are those of its Players.
        results.append(Result(seen, Sent(own.current_trigger, 0, 0, 0), []))
        shown = {player.name.lower(): player for player in own.players}
        for name in below.scenario.players:
            player = shown[name.lower()]
            data = section.data.of(player.name) if section.data else []
            results.append(Result(player, sent(where, name), data, below.scenario.hdf5 is not None))
    return results
