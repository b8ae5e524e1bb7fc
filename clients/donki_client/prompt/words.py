"""The words that can be typed at the prompt: what each means, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from donki_client.api.director import Director
from donki_client.console.output import printable
from donki_client.console.progress import detail
from donki_client.console.styles import styled
from donki_client.prompt.watch import watch

#: The settings, how each is written, and what it means.
SETTINGS = {
    "triggers": ("triggers=N", "triggers in a sequence; -1 = until stop"),
    "period": ("period=SECONDS", "from trigger to trigger; 0 = as fast as the Players answer"),
    "priority": ("priority[NAME]=N", "lower acts first, the same in parallel; -1 = disabled"),
}


def say(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _obeying(order: Callable[[Director], None], answer: str = "done") -> Callable[[Director, Console], None]:
    def carry_out(director: Director, console: Console) -> None:
        order(director)
        say(console, answer)

    return carry_out


def _say_players(director: Director, console: Console) -> None:
    players = director.players
    if not players:
        say(console, "no Player found; start one: donki player NAME HOST:PORT SCRIPT")
        return
    table = Table("Player", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("priority", justify="right")
    table.add_column("state")
    for player in players:
        priority = "disabled" if player.priority < 0 else str(player.priority)
        table.add_row(printable(player.name), priority, styled(player.state))
    console.print(table)


def _say_status(director: Director, console: Console) -> None:
    snapshot = director.snapshot()
    head = styled(str(snapshot.state))
    head.append(f": {detail(snapshot)}, period {director.period:g} s", "default")
    console.print(head, soft_wrap=True)
    say(console, director.status)
    for job in director.file_writer_state:
        say(console, f"file writer: {job}")


def _say_findings(director: Director, console: Console) -> None:
    for finding in director.check() or ["ready to start"]:
        say(console, finding)


def _say_help(_director: Director, console: Console) -> None:
    table = Table.grid(padding=(0, 3, 0, 0))
    for form, meaning in SETTINGS.values():
        table.add_row(form, meaning)
    for name, word in WORDS.items():
        table.add_row(name, word.meaning)
    console.print(table)


def _leave(_director: Director, _console: Console) -> None:
    """Do nothing: whoever reads the lines stops reading."""


@dataclass(frozen=True)
class Meaning:
    """What a word of the prompt means, for ``help``, and what it does; that raises DonkiError if it fails."""

    meaning: str
    carry_out: Callable[[Director, Console], None]


#: The words that stand alone.
WORDS = {
    "start": Meaning("begin a sequence", _obeying(Director.start, "started")),
    "stop": Meaning(
        "end it after the trigger in progress",
        _obeying(Director.stop, "stopping after the trigger in progress"),
    ),
    "players?": Meaning("list the Players: name, priority, state", _say_players),
    "pause": Meaning("pause after the trigger in progress", _obeying(Director.pause)),
    "resume": Meaning("continue after a pause", _obeying(Director.resume)),
    "step": Meaning("one more trigger (or StepTriggers of them), then pause again", _obeying(Director.step)),
    "abort": Meaning("end the sequence now", _obeying(Director.abort)),
    "recover": Meaning(
        "continue an interrupted or failed run after its last complete trigger", _obeying(Director.recover)
    ),
    "reset": Meaning("forget a failure: FAULT becomes ON", _obeying(Director.reset)),
    "check": Meaning("list what prevents a start", _say_findings),
    "status": Meaning("show how far the sequence is", _say_status),
    "watch": Meaning("show the Players at work, until the sequence ends or Ctrl-C", watch),
    "help": Meaning("show this list", _say_help),
    "quit": Meaning("leave", _leave),
}
