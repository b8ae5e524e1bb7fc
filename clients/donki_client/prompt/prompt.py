"""The prompt of a Director: carries out instructions and prints the results."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console
from rich.markup import escape
from tango import DevState

from donki.errors import DonkiError, NotAllowedError
from donki_client.api.director import Director
from donki_client.api.snapshot import Snapshot
from donki_client.console.output import printable
from donki_client.console.progress import follow
from donki_client.prompt.grammar import (
    Instruction,
    SetPeriod,
    SetPriority,
    SetTriggers,
    Word,
    parse,
)
from donki_client.prompt.words import WORDS, say

STOP_LIMIT = 10.0  # s, for the trigger in progress when the prompt is left


class Prompt:
    """Carries out instructions and prints the results.

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
        """Carry out an instruction; raises DonkiError if that fails."""
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
            case Word(word):
                WORDS[word].carry_out(self.director, self.console)

    def complain(self, error: DonkiError, where: str = "") -> None:
        """Show an error."""
        self.console.print(f"{where}[red]{escape(str(error))}[/]", highlight=False, soft_wrap=True)

    def say_end(self, snapshot: Snapshot) -> bool:
        """Say how a sequence ended; return whether it played to its last trigger."""
        if snapshot.state == DevState.FAULT:
            self.console.print(
                f"[red]failed:[/] {printable(snapshot.last_error)}", highlight=False, soft_wrap=True
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
        say(self.console, text)


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
