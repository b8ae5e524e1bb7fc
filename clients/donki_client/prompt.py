"""The prompt of a Director: typed in a terminal, or read from a pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tango import DevState

from donki.errors import DonkiError, NotAllowedError
from donki_client.director import Director, Snapshot
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

LOOK = 0.2  # s, between two looks at a sequence
STOP_LIMIT = 10.0  # s, for the trigger in progress when the prompt is left


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
                getattr(self.director, word)()
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
            table.add_row(
                player.name, "disabled" if player.priority < 0 else str(player.priority), player.state
            )
        self.console.print(table)

    def _say_status(self) -> None:
        snapshot = self.director.snapshot()
        self._say(f"{snapshot.state}: {detail(snapshot)}, period {self.director.period:g} s")
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
    """Carry out lines one after the other; ``start`` waits for the end of a sequence that has one.

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
            if instruction == Word("start") and prompt.director.triggers > 0:
                good &= prompt.say_end(follow(prompt.director, prompt.console))
        except DonkiError as error:
            prompt.complain(error, f"line {number}: ")
            good = False
    return good


def read_terminal(prompt: Prompt, history: Path) -> None:
    """Prompt until ``quit`` or Ctrl-D; ``start`` returns at once, the toolbar shows the progress."""
    observer = Observer(prompt)
    session: PromptSession[str] = PromptSession(
        "donki> ",
        history=FileHistory(str(history)),
        completer=InstructionCompleter(observer),
        complete_while_typing=False,
        bottom_toolbar=lambda: observer.line,
        refresh_interval=LOOK,
    )
    with observer, patch_stdout(raw=True):
        while True:
            try:
                instruction = parse(session.prompt())
                if instruction == Word("quit"):
                    break
                if instruction is not None:
                    prompt.carry_out(instruction)
                    observer.look()
            except KeyboardInterrupt:
                prompt.console.print("stop ends the sequence, quit leaves", highlight=False)
            except EOFError:
                break
            except DonkiError as error:
                prompt.complain(error)


class Observer:
    """Looks at the Director from a thread of its own, so that the prompt never waits for it.

    Attributes
    ----------
    line
        state and progress for the toolbar
    players
        the names of the Players, for completion
    """

    def __init__(self, prompt: Prompt) -> None:
        self.line = ""
        self.players: tuple[str, ...] = ()
        self._prompt = prompt
        self._was_in_progress = False
        self._ended = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def look(self) -> None:
        """Take up what the Director shows, and say so when a sequence has ended."""
        director = self._prompt.director
        with self._looking:
            try:
                snapshot = director.snapshot()
                self.players = tuple(player.name for player in director.players)
            except DonkiError as error:
                self.line = f" {error}"
                return
            self.line = f" {director.name}  {snapshot.state}  {detail(snapshot)}"
            ended = self._was_in_progress and not snapshot.in_progress
            self._was_in_progress = snapshot.in_progress
            if ended:
                self._prompt.say_end(snapshot)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        self.look()
        while not self._ended.wait(LOOK):
            self.look()


class InstructionCompleter(Completer):
    """Completes words, settings and the names of Players."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002
        """Yield what the line may become."""
        typed = document.text_before_cursor.lstrip()
        priorities = [f"priority[{player}]=" for player in self._observer.players]
        for candidate in ["triggers=", "period=", *priorities, *WORDS]:
            if candidate.startswith(typed):
                yield Completion(candidate, start_position=-len(typed))
