"""The states of the Director and every transition between them, as tables."""

from __future__ import annotations

from enum import Enum, auto

from donki.errors import NotAllowedError


class State(Enum):
    """What the Director is doing; the names are Tango's."""

    ON = auto()
    RUNNING = auto()
    STANDBY = auto()
    ALARM = auto()
    FAULT = auto()


#: The states in which a sequence is in progress.
IN_PROGRESS = (State.RUNNING, State.ALARM, State.STANDBY)


class Command(Enum):
    """What a user may ask of a sequence."""

    START = "Start"
    STOP = "Stop"
    ABORT = "Abort"
    PAUSE = "Pause"
    RESUME = "Resume"
    STEP = "Step"
    CHECK = "Check"
    RECOVER = "Recover"
    RESET = "Reset"


#: The states in which each command is obeyed; in any other it is refused.
ALLOWED: dict[Command, frozenset[State]] = {
    Command.START: frozenset({State.ON, State.FAULT}),
    Command.STOP: frozenset({State.RUNNING, State.ALARM, State.STANDBY}),
    Command.ABORT: frozenset({State.RUNNING, State.ALARM, State.STANDBY}),
    Command.PAUSE: frozenset({State.RUNNING, State.ALARM}),
    Command.RESUME: frozenset({State.STANDBY}),
    Command.STEP: frozenset({State.STANDBY}),
    Command.CHECK: frozenset({State.ON, State.FAULT}),
    Command.RECOVER: frozenset({State.ON, State.FAULT}),
    Command.RESET: frozenset({State.FAULT}),
}


class Heading(Enum):
    """Where a sequence goes by a request that has not taken effect yet."""

    PAUSE = auto()
    END = auto()
    ENDED = auto()


#: What is obeyed in RUNNING and ALARM while such a request stands, so that the same requests in the same
#: order come to the same, however fast they follow each other. PAUSE: after Pause or Arm, and during Step;
#: Resume takes it back, Step puts it off. END: after Stop, during the last trigger. ENDED: the Players are
#: told to stop.
OBEYED_MEANWHILE: dict[Heading, frozenset[Command]] = {
    Heading.PAUSE: frozenset({Command.STOP, Command.ABORT, Command.PAUSE, Command.RESUME, Command.STEP}),
    Heading.END: frozenset({Command.STOP, Command.ABORT}),
    Heading.ENDED: frozenset({Command.ABORT}),
}


class Phase(Enum):
    """Where a sequence stands."""

    SETTING_UP = auto()
    AWAITING_WRITER = auto()
    WAITING = auto()
    ACTING = auto()
    PAUSED = auto()
    ENDING = auto()
    ENDED = auto()


#: The phases in which no trigger follows any more.
OVER = (Phase.ENDING, Phase.ENDED)

#: The phases that may follow each phase.
FOLLOWING: dict[Phase, frozenset[Phase]] = {
    Phase.SETTING_UP: frozenset({Phase.AWAITING_WRITER, Phase.ACTING, Phase.PAUSED, Phase.ENDING}),
    Phase.AWAITING_WRITER: frozenset({Phase.ACTING, Phase.PAUSED, Phase.ENDING}),
    Phase.WAITING: frozenset({Phase.WAITING, Phase.ACTING, Phase.PAUSED, Phase.ENDING}),
    Phase.ACTING: frozenset({Phase.WAITING, Phase.ACTING, Phase.PAUSED, Phase.ENDING}),
    Phase.PAUSED: frozenset({Phase.WAITING, Phase.ACTING, Phase.PAUSED, Phase.ENDING}),
    Phase.ENDING: frozenset({Phase.ENDING, Phase.ENDED}),
    Phase.ENDED: frozenset({Phase.SETTING_UP}),
}


def state_of(phase: Phase, *, failed: bool, troubled: bool) -> State:
    """Return the state that a phase shows.

    Parameters
    ----------
    phase
        where the sequence stands
    failed
        whether it failed; FAULT is shown from the moment that is known
    troubled
        whether a Player was skipped or disabled
    """
    if failed:
        return State.FAULT
    match phase:
        case Phase.PAUSED:
            return State.STANDBY
        case Phase.ENDED:
            return State.ON
        case _:
            return State.ALARM if troubled else State.RUNNING


def check_allowed(command: Command, state: State, heading: Heading | None = None) -> None:
    """Refuse a command that the state does not allow, or what was asked before it.

    Raises
    ------
    NotAllowedError
        naming the command, the state and the states in which it is allowed
    """
    if heading and state in (State.RUNNING, State.ALARM):
        if command in OBEYED_MEANWHILE[heading]:
            return
        if heading is not Heading.PAUSE:
            raise NotAllowedError(f"{command.value} is not allowed: the sequence is already ending")
    if state not in ALLOWED[command]:
        states = " or ".join(sorted(allowed.name for allowed in ALLOWED[command]))
        raise NotAllowedError(
            f"{command.value} is not allowed while the Director is {state.name}; it is in {states}"
        )
