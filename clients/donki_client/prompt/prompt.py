"""The prompt of a Director: carries instructions out, and says what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tango import DevState

from donki.errors import DonkiError, NotAllowedError
from donki_client.director import Director
from donki_client.grammar import (
    SETTINGS,
    WORDS,
    Instruction,
    SetPeriod,
    SetPriority,
    SetTriggers,
    Word,
    parse,
)
from donki_client.progress import detail, follow
from donki_client.snapshot import Snapshot
from donki_client.state_style import styled
from donki_client.watch import watch

STOP_LIMIT = 10.0  # s, for the trigger in progress when the prompt is left


#: The words that the Director obeys as they are.
ORDERS = {
    "pause": Director.pause,
    "resume": Director.resume,
    "step": Director.step,
    "abort": Director.abort,
    "recover": Director.recover,
    "reset": Director.reset,
}


class Prompt:
    """Carries out instructions and says what came of them.

    Parameters
    ----------
    director
        whom the instructions go to
    console
        where answers are written
    """

    def __init__(self, director: Director, console: Console) -> None:
        self.director = director
        self.console = console

    def carry_out(self, instruction: Instruction) -> None:
        """Carry out anything but ``quit``; raises DonkiError where it was not done."""
        match instruction:
            case SetTriggers(triggers):
                self.director.triggers = triggers
                self._say("triggers = endless" if triggers < 0 else f"triggers = {triggers}")
            case SetPeriod(period):
                self.director.period = period
                self._say(f"period = {period:g} s")
            case SetPriority(player, priority):
                self.director.set_priority(player, priority)
                self._say(f"priority of {player} = {priority}" + (", disabled" if priority < 0 else ""))
            case Word("players?"):
                self._say_players()
            case Word("status"):
                self._say_status()
            case Word("watch"):
                watch(self.director, self.console)
            case Word("check"):
                self._say_findings()
            case Word("help"):
                self._say_help()
            case Word("start"):
                self.director.start()
                self._say("started")
            case Word("stop"):
                self.director.stop()
                self._say("stopping after the trigger in progress")
            case Word(word):
                ORDERS[word](self.director)
                self._say("done")

    def complain(self, error: DonkiError, where: str = "") -> None:
        """Show an error."""
        self.console.print(f"{where}[red]{escape(str(error))}[/]", highlight=False, soft_wrap=True)

    def say_end(self, snapshot: Snapshot) -> bool:
        """Say how a sequence ended; return whether it played to its last trigger."""
        if snapshot.state == DevState.FAULT:
            self.console.print(
                f"[red]failed:[/] {escape(snapshot.last_error)}", highlight=False, soft_wrap=True
            )
            return False
        done = snapshot.current_trigger == snapshot.triggers
        late = f", {snapshot.overruns} late" if snapshot.overruns else ""
        self._say(f"{'done' if done else 'stopped'} after trigger {snapshot.current_trigger}{late}")
        for player in self.director.players:
            if player.skipped:
                self._say(f"{player.name} missed {player.skipped}")
            if player.dropped:
                self._say(f"{player.name} was left out after it failed")
        return done

    def wind_down(self) -> None:
        """End a sequence in progress before its Director goes: stop it, or abort what does not stop."""
        if not self.director.snapshot().in_progress:
            return
        self._say("stopping the sequence after the trigger in progress")
        with suppress(NotAllowedError):  # it has ended meanwhile, or is about to
            self.director.stop()
        try:
            self.director.wait(STOP_LIMIT)
        except TimeoutError:
            self._say(f"not stopped after {STOP_LIMIT:g} s: aborting it")
            self.director.abort()
            self.director.wait(STOP_LIMIT)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _say_players(self) -> None:
        players = self.director.players
        if not players:
            self._say("no Player found; start one: donki player NAME HOST:PORT SCRIPT")
            return
        table = Table("Player", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("priority", justify="right")
        table.add_column("state")
        for player in players:
            priority = "disabled" if player.priority < 0 else str(player.priority)
            table.add_row(player.name, priority, styled(player.state))
        self.console.print(table)

    def _say_status(self) -> None:
        snapshot = self.director.snapshot()
        head = styled(str(snapshot.state))
        head.append(f": {detail(snapshot)}, period {self.director.period:g} s", "default")
        self.console.print(head, soft_wrap=True)
        self._say(self.director.status)

    def _say_findings(self) -> None:
        findings = self.director.check()
        for finding in findings:
            self._say(finding)
        if not findings:
            self._say("ready to start")

    def _say_help(self) -> None:
        table = Table.grid(padding=(0, 3, 0, 0))
        for form, meaning in SETTINGS.values():
            table.add_row(form, meaning)
        for word, meaning in WORDS.items():
            table.add_row(word, meaning)
        self.console.print(table)


def read_pipe(prompt: Prompt, lines: Iterable[str]) -> bool:
    """Carry out lines one after the other; ``start`` and ``recover`` wait where the sequence has an end.

    A line that fails is named, and the next one follows.

    Returns
    -------
    bool
        whether every line was carried out and every sequence played to its last trigger
    """
    good = True
    for number, line in enumerate(lines, 1):
        try:
            instruction = parse(line)
            if instruction is None:
                continue
            if instruction == Word("quit"):
                break
            prompt.carry_out(instruction)
            if instruction in (Word("start"), Word("recover")) and prompt.director.triggers > 0:
                good &= prompt.say_end(follow(prompt.director, prompt.console))
        except DonkiError as error:
            prompt.complain(error, f"line {number}: ")
            good = False
    return good
