"""A device server of the class DonkiPlayer that answers whatever it is told to.

Started as ``python -m helpers.hostile_player INSTANCE``; the environment variable TYPES, a JSON
object, gives attributes other types than those of a Player; the type null takes one away.
"""

from __future__ import annotations

import json
import os

import tango
from tango import AttrWriteType, DevState
from tango.server import Device, attribute, command

from helpers.answers import OUTPUT, REPORT, RUN

#: By name of attribute: Tango's type, and what a Player as it should be tells.
GOOD = {
    "Priority": ("int", 0),
    "Timeout": ("float", 5.0),
    "OnError": ("int", 0),
    "Retries": ("int", 0),
    "Script": ("str", "script.py"),
    "ScriptHash": ("str", ""),
    "Parameters": ("str", "{}"),
    "Faults": ("str", "[]"),
    "Run": ("str", json.dumps(RUN)),
}
TYPES = {
    **{"int": int, "float": float, "str": str, "bool": bool},
    **{"strs": (str,), "ints": (int,), "floats": (float,)},
}
ODD = {"int": 7, "float": 0.5, "str": "x", "bool": True}


class DonkiPlayer(Device):
    """Takes the place of a Player."""

    def init_device(self) -> None:
        super().init_device()
        self._good = dict(GOOD)
        for name, kind in json.loads(os.environ.get("TYPES", "{}")).items():
            self._good[name] = (kind, ODD.get(kind, []))
            if kind is None:
                del self._good[name]
        for name, (kind, _) in self._good.items():
            which = attribute(
                name=name, dtype=TYPES[kind], access=AttrWriteType.READ_WRITE, max_dim_x=100_000
            )
            self.add_attribute(which, r_meth=self._read, w_meth=lambda _attribute: None)
        self._output = json.dumps(OUTPUT)
        self.Tell("{}")

    @command(dtype_in=str)
    def Tell(self, text: str) -> None:
        """Take what to answer: {attribute or command: ["error" or "", value]}; all else as it should."""
        self._told = json.loads(text)
        self._state = DevState.ON

    def _read(self, which):
        name = which.get_name()
        return self._answer(name, self._good[name])[1]

    def _answer(self, name, good):
        kind, value = self._told.get(name, good)
        if kind == "error":
            tango.Except.throw_exception(*value)
        return kind, value

    def dev_state(self):
        name = self._told.get("State", ["", ""])[1]
        return DevState.names[name] if name else self._state

    def dev_status(self):
        return self._told.get("Status", ["", "as it should be"])[1]

    @command(dtype_in=str, dtype_out=str)
    def Begin(self, text):
        self._output = json.dumps(OUTPUT | {"run": json.loads(text)["id"]})
        said = self._answer("Begin", ("", self._output))[1]
        self._state = DevState.STANDBY
        return said

    @command(dtype_out=str)
    def End(self):
        said = self._answer("End", ("", self._output))[1]
        self._state = DevState.ON
        return said

    @command(dtype_in=str)
    def Reserve(self, _run):
        self._answer("Reserve", ("", ""))

    @command(dtype_in=str)
    def Release(self, _run):
        self._answer("Release", ("", ""))

    @command
    def Abort(self):
        self._answer("Abort", ("", ""))
        self._state = DevState.ON

    @command(dtype_out=(str,))
    def Check(self):
        return self._answer("Check", ("", []))[1]

    @command(dtype_in=str, dtype_out=str)
    def Trigger(self, text):
        asked = json.loads(text)
        good = REPORT | {"trigger": asked["trigger"], "attempt": asked["attempt"]}
        said = self._answer("Trigger", ("", json.dumps(good)))[1]
        return said.replace('"@"', str(asked["trigger"]))


if __name__ == "__main__":
    DonkiPlayer.run_server()
