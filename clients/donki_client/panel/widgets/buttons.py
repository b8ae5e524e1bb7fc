"""The buttons of the panel, and in which states each can be clicked: one table."""

from __future__ import annotations

from dataclasses import dataclass

from donki.director.rules.states import ALLOWED, Command


@dataclass(frozen=True)
class Button:
    """A button of the panel.

    Attributes
    ----------
    command
        what it asks of the Director; its label is the command's name
    icon
        the name of one of Qt's standard pixmaps
    tip
        what it does, in a sentence
    """

    command: Command
    icon: str
    tip: str

    @property
    def label(self) -> str:
        """What is written on it."""
        return self.command.value

    @property
    def method(self) -> str:
        """The method of `donki_client.Director` that it calls."""
        return self.command.value.lower()

    def is_enabled(self, state: str) -> bool:
        """Return whether the Director obeys in this state (Tango's name of it); never while it is silent."""
        return state in {allowed.name for allowed in ALLOWED[self.command]}


#: From left to right: a sequence from its start to its end, then what mends a failed one.
BUTTONS = (
    Button(Command.START, "SP_MediaPlay", "Set the Players up and send the sequence of triggers"),
    Button(Command.PAUSE, "SP_MediaPause", "Pause after the trigger in progress"),
    Button(Command.RESUME, "SP_MediaSeekForward", "Go on after a pause"),
    Button(Command.STEP, "SP_MediaSkipForward", "Send one more trigger, then pause again"),
    Button(Command.STOP, "SP_MediaStop", "End after the trigger in progress"),
    Button(Command.ABORT, "SP_BrowserStop", "End now: scripts in progress are told to give up"),
    Button(Command.RESET, "SP_BrowserReload", "Forget the failure: FAULT becomes ON"),
    Button(Command.RECOVER, "SP_DialogResetButton", "Take up an interrupted run after its last full trigger"),
)
