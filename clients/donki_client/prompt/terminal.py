"""The prompt on a terminal: history, completion, and a toolbar that shows the sequence in progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from donki.errors import DonkiError
from donki.threads import Threads
from donki_client.console.progress import detail
from donki_client.console.styles import TOOLBAR_STYLES
from donki_client.prompt.grammar import Word, parse
from donki_client.prompt.prompt import Prompt
from donki_client.prompt.words import WORDS

LOOK = 0.2  # s, between two looks at a sequence


def read_terminal(prompt: Prompt, history: Path) -> None:
    """Prompt until ``quit`` or Ctrl-D; ``start`` returns at once, the toolbar shows the progress."""
    observer = Observer(prompt)
    session: PromptSession[str] = PromptSession(
        [("bold fg:ansicyan", "donki> ")],
        history=FileHistory(str(history)),
        completer=InstructionCompleter(observer),
        complete_while_typing=False,
        bottom_toolbar=lambda: observer.line,
        refresh_interval=LOOK,
    )
    with observer:
        while True:
            try:
                with patch_stdout(raw=True):
                    line = session.prompt()
                # Several may have been pasted: where one is wrong, none is carried out.
                instructions = [parse(part) for part in line.splitlines()]
                for instruction in instructions:
                    if instruction == Word("quit"):
                        return
                    if instruction == Word("watch"):
                        with observer.silenced():
                            prompt.carry_out(instruction)
                    elif instruction is not None:
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
        self.line: StyleAndTextTuples = []
        self._threads = Threads()
        self.players: tuple[str, ...] = ()
        self._prompt = prompt
        self._was_in_progress = False
        self._ended = threading.Event()
        self._looking = threading.Lock()

    def look(self) -> None:
        """Take up what the Director shows, and say so when a sequence has ended."""
        with self._looking:
            try:
                self._take_up()
            except DonkiError as error:
                self.line = [("", f" {error}")]
            except Exception as error:  # noqa: BLE001 - the toolbar looks again
                self.line = [("", f" {self._threads.caught('observer', error)}")]

    def _take_up(self) -> None:
        director = self._prompt.director
        snapshot = director.snapshot()
        self.players = tuple(player.name for player in director.players)
        state = str(snapshot.state)
        self.line = [
            ("", f" {director.name}  "),
            (TOOLBAR_STYLES.get(state, ""), state),
            ("", f"  {detail(snapshot)}"),
        ]
        ended = self._was_in_progress and not snapshot.in_progress
        self._was_in_progress = snapshot.in_progress
        if ended:
            self._prompt.say_end(snapshot)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Keep quiet while something else has the screen."""
        with self._looking:
            yield

    def __enter__(self) -> Observer:
        self._thread = self._threads.start("observer", self._run)
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
