"""The states of a Player and every transition between them, as tables."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """What a Player is doing; the names are Tango's."""

    ON = auto()
    STANDBY = auto()
    RUNNING = auto()
    ALARM = auto()
    FAULT = auto()


class Phase(Enum):
    """Where a Player stands: at rest without a usable script, with one, or set up for a run; or busy."""

    NO_SCRIPT = auto()
    READY = auto()
    SET_UP = auto()
    LOADING = auto()
    SETTING_UP = auto()
    ACTING = auto()
    STOPPING = auto()


#: The phases in which the script runs; every other request is answered at once.
BUSY = Phase.LOADING, Phase.SETTING_UP, Phase.ACTING, Phase.STOPPING

#: The phases in which a run is in progress that triggers may belong to.
IN_RUN = Phase.SET_UP, Phase.ACTING

#: The phases that may follow each phase. A run that was not stopped is, before the next one is set up; a Stop
#: that came while the script was busy is carried out after that, and so is that of a set-up that failed.
FOLLOWING: dict[Phase, frozenset[Phase]] = {
    Phase.NO_SCRIPT: frozenset({Phase.LOADING}),
    Phase.READY: frozenset({Phase.LOADING, Phase.SETTING_UP}),
    Phase.SET_UP: frozenset({Phase.ACTING, Phase.STOPPING}),
    Phase.LOADING: frozenset({Phase.READY, Phase.NO_SCRIPT}),
    Phase.SETTING_UP: frozenset({Phase.SET_UP, Phase.STOPPING}),
    Phase.ACTING: frozenset({Phase.SET_UP, Phase.STOPPING}),
    Phase.STOPPING: frozenset({Phase.READY, Phase.SETTING_UP}),
}


def state_of(phase: Phase, *, failed: bool) -> State:
    """Return the state that a phase shows.

    Parameters
    ----------
    phase
        where the Player stands
    failed
        whether what it did last failed
    """
    if phase in BUSY:
        return State.RUNNING
    if phase is Phase.NO_SCRIPT:
        return State.FAULT
    if failed:
        return State.ALARM
    return State.STANDBY if phase is Phase.SET_UP else State.ON
