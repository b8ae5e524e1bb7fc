"""A device server in which something fails when a test says so.

Started as ``failing_device.py MODULE SWITCH INSTANCE ...``. The file SWITCH names what fails the next time it
is called, as ``module:Class.method``, and the exception.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

#: What runs in threads of ours, and in callbacks.
DIRECTOR = {
    "publisher": "donki.device.publisher:Publisher._push_change",
    "an attribute": "donki.director.runs.runs:Runs.player_rows",
    "log": "donki.device.log:DeviceLog._say",
    "journal": "donki.director.journal.writer:Journal._commit",
    "note": "donki.director.journal.tables:_versions",
    "conductor": "donki.director.rules.sequence:Sequence.replied",
    "clock": "donki.director.rules.sequence:Sequence.tick",
    "end": "donki.director.log:RunLog.ended",
    "player": "donki.director.conducting.player_worker:PlayerWorker._call",
    "roster": "donki.director.conducting.roster_watch:RosterWatch.follow",
    "roster log": "donki.director.log:RunLog.seen",
    "roster, one": "donki.director.players.asking:Asking.proxy",
    "record": "donki.director.output.run_record:RunRecord._write_master_file",
}
PLAYER = {
    "publisher": "donki.device.publisher:Publisher._push_change",
    "log": "donki.device.log:DeviceLog._say",
    "abort": "donki.streams.run_output:RunOutput.abandon",
}

#: What runs where Players share a server.
DIRECTOR_CALLS = {
    "call": "donki.director.conducting.server_worker:ServerWorker._call",
    "door": "donki.director.conducting.server_worker:_Door.reach",
    "answers": "donki.director.players.server_call:_read",
    "answer": "donki.director.conducting.player_worker:PlayerWorker._carry_out",
    "abort": "donki.director.conducting.server_worker:ServerWorker._abort",
}
PLAYER_CALLS = {
    "shared thread": "donki.player.server_calls.shared_thread:SharedThread._work",
    "thread": "donki.player.server_calls.server_player:ServerPlayer._work",
    "command": "donki.player.interface.run_commands:RunCommands._answer",
    "await": "donki.player.server_calls.server_players:ServerPlayers.wait",
}

#: What runs in Init.
INIT = {
    "properties": "donki.device.configured:read_properties",
    "memorized values": "donki.device.configured:restore",
    "publisher": "donki.device.publisher:Publisher.__init__",
}
DIRECTOR_INIT = {
    **INIT,
    "recorder": "donki.director.output.recorder:Recorder.__init__",
    "roster": "donki.director.players.roster:Roster.__init__",
    "runs": "donki.director.runs.runs:Runs.__init__",
}
PLAYER_INIT = {
    **INIT,
    "player": "donki.player.player:Player.__init__",
    "script_runner": "donki.player.runs.script_runner:ScriptRunner.__init__",
    "script": "donki.player.runs.loader:ScriptLoader.begin",
}


class MuteError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


ERRORS = {
    error.__name__: error for error in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, MuteError)
}


def let_fail(target: str, switch: Path) -> None:
    """Have a function raise once when the switch names it."""
    module, _, path = target.partition(":")
    *way, name = path.split(".")
    holder = functools.reduce(getattr, way, importlib.import_module(module))
    real = getattr(holder, name)

    @functools.wraps(real)
    def fail_or_do(*arguments, **more):
        try:
            wanted, error = switch.read_text().split()
        except (OSError, ValueError):
            wanted = ""
        if wanted == target:
            switch.unlink(missing_ok=True)
            raise ERRORS[error]("injected λ")
        return real(*arguments, **more)

    setattr(holder, name, fail_or_do)


if __name__ == "__main__":
    _, module, switch, *arguments = sys.argv
    sys.argv = [module, *arguments]
    server = importlib.import_module(module)
    for target in {
        name
        for table in (DIRECTOR, PLAYER, DIRECTOR_CALLS, PLAYER_CALLS, DIRECTOR_INIT, PLAYER_INIT)
        for name in table.values()
    }:
        let_fail(target, Path(switch))
    server.main()
