"""A Player on the roster: what it says of itself, as its attributes tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from donki.director.players.attributes import read_priority, read_run, read_settings
from donki.errors import AnswerError, shortened
from donki.limits import OnError

ASKED = [
    *("Priority", "Timeout", "OnError", "Retries", "Script", "ScriptHash", "Parameters", "Faults"),
    *("Run", "State", "Status", "Server"),
]

#: What stands for an attribute that Players of earlier versions do not have.
MISSING = {"Faults": "[]", "Server": ""}


@dataclass(frozen=True)
class RosterEntry:
    """A Player on the roster.

    Attributes
    ----------
    name
        the last part of the device name
    device
        the device name, as a proxy is opened with it
    priority, timeout, on_error, retries, script, script_hash, parameters, faults
        as the Player last said; the timeout in s
    lacking
        which of that it does not have, for it is of an earlier version, and what is taken for it; empty: none
    run_id, director
        the run that it plays, or played last, and the device name of the Director that conducts it
    state
        Tango's name of the Player's state; UNKNOWN where it does not answer
    status
        what the state means, or why the Player does not answer
    server
        what tells the process that it is in from every other; empty where it does not say
    """

    name: str
    device: str
    priority: int = 0
    timeout: float = 60.0
    on_error: OnError = OnError.ABORT
    retries: int = 0
    script: str = ""
    script_hash: str = ""
    parameters: str = "{}"
    faults: str = "[]"
    lacking: str = ""
    run_id: str = ""
    director: str = ""
    state: str = "UNKNOWN"
    status: str = ""
    server: str = ""


def entry_from(known: RosterEntry, told: Mapping[str, object]) -> RosterEntry:
    """Return a Player as its attributes tell it.

    Parameters
    ----------
    known
        what is known of it so far, which stays where its attributes cannot be read
    told
        by name of `ASKED`: their values; those of `MISSING` may be missing
    """
    # Players of earlier versions are called one by one, as ever.
    lacking = MISSING.keys() - told.keys() - {"Server"}
    told = {**MISSING, **told}
    try:
        said = read_settings(told)
        run = read_run(said["Run"])
    except AnswerError as error:
        priority = read_priority(told, known.priority)
        return replace(known, priority=priority, state="UNKNOWN", status=str(error))
    return RosterEntry(
        known.name,
        known.device,
        priority=said["Priority"],
        timeout=said["Timeout"],
        on_error=OnError(said["OnError"]),
        retries=said["Retries"],
        script=said["Script"],
        script_hash=said["ScriptHash"],
        parameters=said["Parameters"],
        faults=said["Faults"],
        lacking=", ".join(f"it has no attribute {name}, {MISSING[name]} is taken" for name in lacking),
        run_id=run.id,
        director=run.director,
        state=str(said["State"]),
        status=shortened(said["Status"]),
        server=said["Server"],
    )


def short_name(device: str) -> str:
    """Return the last part of a device's name."""
    return device.partition("#")[0].rpartition("/")[2]
