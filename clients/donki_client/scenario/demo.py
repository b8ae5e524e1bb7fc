"""The demo: a scenario that needs nothing but this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from donki.player.script.path import shipped_scripts
from donki.streams.kafka.clients import DEFAULT, find_client
from donki_client.scenario.model import Scenario, ScenarioFiles, ScenarioPlayer
from donki_client.scenario.playing.play import check_writable, play

SCRIPTS = ("run_player_0.py", "run_player_1.py", "run_player_2.py")

#: How long their actions take, in s, on a usual machine.
DURATION = 0.003


@dataclass(frozen=True)
class Demo:
    """What is to be played.

    Attributes
    ----------
    players
        how many; their scripts repeat after three, each has its own topic ``test-topic-0`` and so on
    triggers
        how many
    rate
        in Hz; 0 is as fast as the Players answer
    series
        whether the Players act one after the other (priorities 0, 1, 2 ...) or all at once (all 0)
    broker
        ``host:port`` of a Kafka broker; None starts the embedded one
    kafka_client
        the Players' Kafka client library
    folder
        where each Player writes a NeXus file; None for none
    """

    players: int = 3
    triggers: int = 100
    rate: float = 14.0
    series: bool = False
    broker: str | None = None
    kafka_client: str = DEFAULT
    folder: Path | None = None

    @property
    def scenario(self) -> Scenario:
        """The same as a scenario."""
        players = {
            f"player{number}": ScenarioPlayer(
                script=shipped_scripts() / SCRIPTS[number % len(SCRIPTS)],
                parameters={"topic": f"test-topic-{number}"},
                priority=number if self.series else 0,
                duration=DURATION,
            )
            for number in range(self.players)
        }
        return Scenario(
            triggers=self.triggers,
            rate=self.rate,
            broker=self.broker,
            kafka_client=self.kafka_client,
            hdf5=ScenarioFiles(folder=self.folder) if self.folder else None,
            players=players,
        )


def play_demo(demo: Demo, console: Console) -> bool:
    """Play the demo; return whether every event arrived.

    Raises
    ------
    DonkiError
        when something cannot be started; says what
    """
    find_client(demo.kafka_client)
    if demo.folder:
        check_writable("--hdf5", demo.folder)
    # The journal of the demo goes with the demo.
    return play(demo.scenario, "demo", console, journaled=False)
