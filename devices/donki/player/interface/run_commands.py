"""The commands by which a Director conducts a Player: one by one, or for many Players of a server at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import tango
from tango import DispLevel

from donki.device.base import DonkiDevice
from donki.device.commands import attribute, command, readers
from donki.device.errors import as_dev_failed
from donki.device.tango_text import carried
from donki.errors import InputError
from donki.player.runs.script_runner import ScriptRunner
from donki.player.server_calls.call import PlayerAnswer
from donki.player.server_calls.server_player import ServerPlayer
from donki.player.server_calls.server_players import PLAYERS
from donki.player.trigger import parse_trigger
from donki.run import Run

#: What Begin and End return.
OUTPUT_DOC = (
    "JSON object: version; run, the id of the run that the Player is set up for, or was last; its files and "
    "streams; and a manifest with its time, taken, in ns since 1970 UTC, where something was delivered"
)

#: What CallPlayers and AwaitPlayers return.
ANSWERS_DOC = (
    "four texts for each Player that has answered: the name of its device as it was given; the reason of "
    "its error, empty where there is none; what the command returned, or the error's text; its age in ns"
)


class RunCommands(DonkiDevice):
    """What a Director asks of a Player."""

    _script_runner: ScriptRunner

    def findings(self) -> list[str]:
        """Return what prevents Start, a line each."""
        raise NotImplementedError

    def join_server(self) -> None:
        """Let calls for several Players of this server reach this one, until it is closed."""
        player = ServerPlayer(self._answer, self._threads, tango.EnsureOmniThread)
        self._closing.callback(PLAYERS.join(self.get_name(), player))

    def start_run(self, run: Run) -> dict[str, Any]:
        """Take part in a run; return the output so far."""
        self._threads.begin()
        self.refuse_problems()
        return self._script_runner.start(run)

    def _read_Server(self) -> str:
        return PLAYERS.token

    Server = attribute(
        fget=_read_Server,
        dtype=str,
        label="Server",
        display_level=DispLevel.EXPERT,
        doc="What tells the process of this device server from every other: the Director calls Players that "
        "tell the same together.",
    )

    @command(
        dtype_in=str,
        doc_in="JSON object: version, id, title, metadata, seed and director: a run that is about to begin",
        display_level=DispLevel.EXPERT,
    )
    def Reserve(self, text: str) -> None:
        """Keep the Player for a run, for 10 s or until Begin or Release, unless another Director has it."""
        with as_dev_failed("Reserve"):
            self._reserve(text)

    @command(dtype_in=str, doc_in="the id of the run", display_level=DispLevel.EXPERT)
    def Release(self, run_id: str) -> None:
        """Keep the Player no more for a run that does not begin."""
        self._release(run_id)

    @command(
        dtype_in=str,
        doc_in="JSON object: version, id, title, metadata, seed and director: the run",
        dtype_out=str,
        doc_out=f"{OUTPUT_DOC} by the script's setup",
        display_level=DispLevel.EXPERT,
    )
    def Begin(self, text: str) -> str:
        """Take part in a Director's run: run the script's setup."""
        with as_dev_failed("Begin"), tango.AutoTangoAllowThreads(self):
            return self._begin_run(text)

    @command(
        dtype_out=str,
        doc_out=f"{OUTPUT_DOC} after the last trigger",
        display_level=DispLevel.EXPERT,
    )
    def End(self) -> str:
        """Leave the run as Stop does; returns when it is left."""
        with as_dev_failed("End"), tango.AutoTangoAllowThreads(self):
            return self._end_run()

    @command(
        dtype_in=str,
        doc_in='JSON: a number, or {"trigger": number, "run": id, "reference_time": ns since 1970 UTC, '
        '"attempt": number from 1, "period": ns from 0}, of which only the trigger is needed',
        dtype_out=str,
        doc_out="JSON object: trigger, attempt, duration in s, events, messages, bytes; and a manifest of "
        "what was delivered, where something was",
        display_level=DispLevel.EXPERT,
    )
    def Trigger(self, text: str) -> str:
        """Act at one trigger; returns when the action is done and its data are delivered."""
        with as_dev_failed("Trigger"), tango.AutoTangoAllowThreads(self):
            return self._act(text)

    @command(
        dtype_in=(str,),
        doc_in="an id for the call; Reserve, Release, Begin, Trigger, End, Abort or Check, or Read for "
        "attributes, a JSON list of their names; its argument, empty for none; and the names of devices",
        dtype_out=(str,),
        doc_out=ANSWERS_DOC,
        display_level=DispLevel.EXPERT,
    )
    def CallPlayers(self, asked: list[str]) -> list[str]:
        """Have Players of this server carry out a command side by side; return the first answers."""
        with as_dev_failed("CallPlayers"), tango.AutoTangoAllowThreads(self):
            if len(asked) < 3 or asked[1] not in self._asked:
                raise InputError(
                    f"CallPlayers: id, command ({', '.join(self._asked)}), argument and devices; "
                    f"got {asked!r:.200}"
                )
            ident, name, argument, *devices = asked
            return _texts(PLAYERS.call(ident, name, argument, devices))

    @command(
        dtype_in=(str,),
        doc_in="the id of a call of CallPlayers, and how many answers to it have been received",
        dtype_out=(str,),
        doc_out=ANSWERS_DOC,
        display_level=DispLevel.EXPERT,
    )
    def AwaitPlayers(self, asked: list[str]) -> list[str]:
        """Return what Players have answered since to a call of CallPlayers; nothing after 3 s."""
        with as_dev_failed("AwaitPlayers"), tango.AutoTangoAllowThreads(self):
            if len(asked) != 2 or not asked[1].isdecimal():
                raise InputError(f"AwaitPlayers: id and a number of answers; got {asked!r:.200}")
            return _texts(PLAYERS.wait(asked[0], int(asked[1])))

    @cached_property
    def _asked(self) -> dict[str, Callable[[str], str]]:
        """What a Director asks for in calls for several Players, by command."""
        return {
            "Reserve": self._reserve,
            "Release": self._release,
            "Begin": self._begin_run,
            "Trigger": self._act,
            "End": lambda _argument: self._end_run(),
            "Abort": self._give_up,
            "Check": lambda _argument: json.dumps(self.findings()),
            "Read": self._read,
        }

    @cached_property
    def _readers(self) -> dict[str, Callable[[], Any]]:
        return {"State": lambda: str(self.shown_state()), "Status": self.shown_status, **readers(self)}

    def _answer(self, name: str, argument: str) -> tuple[str, str]:
        """Carry out what comes in a call for several Players; return the reason of an error, and a text."""
        try:
            with as_dev_failed(name):
                return "", carried(self._asked[name](argument))
        except tango.DevFailed as failed:
            return failed.args[0].reason, failed.args[0].desc
        finally:
            if name != "Read":
                self.changed.set()

    def _reserve(self, text: str) -> str:
        self._script_runner.reserve(Run.from_json(text))
        return ""

    def _release(self, run_id: str) -> str:
        self._script_runner.release(run_id)
        return ""

    def _begin_run(self, text: str) -> str:
        return json.dumps(self.start_run(Run.from_json(text)))

    def _act(self, text: str) -> str:
        trigger, run_id = parse_trigger(text)
        return self._script_runner.trigger(trigger, run_id).as_json()

    def _end_run(self) -> str:
        return json.dumps(self._script_runner.end())

    def _give_up(self, _argument: str) -> str:
        self._script_runner.abort()
        return ""

    def _read(self, names: str) -> str:
        """Return attributes that there are, as a JSON object."""
        read = {name: carried(self._readers[name]()) for name in json.loads(names) if name in self._readers}
        return json.dumps(read)


def _texts(answers: Iterable[PlayerAnswer]) -> list[str]:
    now = time.monotonic_ns()
    return [
        text
        for answer in answers
        for text in (answer.player, answer.reason, answer.text, str(now - answer.given))
    ]
