"""What is set at a Player; every value is checked where it is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from donki.errors import InputError
from donki.json_text import parse_list, parse_object
from donki.limits import OnError, check_on_error, check_priority, check_retries, check_timeout
from donki.numeric import read_number, read_whole
from donki.streams.faults.rule import Rule, read_rules

#: The most characters of a script's name; no file system has longer paths.
MOST_NAME = 4096


class Settings:
    """What a Player has been told; see the attributes of the same names.

    Attributes
    ----------
    priority, on_error, retries
        the Director's business
    script
        file name of the action script under the script path; empty where none is set
    parameters
        as they were written
    parsed
        the parameters as an object
    faults, rules
        as they were written, and as they are applied
    timeout
        of one action, its data delivered, in s
    """

    def __init__(self) -> None:
        self.priority = 0
        self.script = ""
        self.parameters = "{}"
        self.parsed: Mapping[str, Any] = {}
        self.faults = "[]"
        self.rules: tuple[Rule, ...] = ()
        self.timeout = 60.0
        self.on_error = OnError.ABORT
        self.retries = 0

    @property
    def from_text(self) -> dict[str, Callable[[str], None]]:
        """By attribute: what takes up its memorized text, or raises an InputError."""
        return {
            "Priority": lambda text: self.set_priority(read_whole(text)),
            "Script": self.set_script,
            "Parameters": self.set_parameters,
            "Faults": self.set_faults,
            "Timeout": lambda text: self.set_timeout(read_number(text)),
            "OnError": lambda text: self.set_on_error(read_whole(text)),
            "Retries": lambda text: self.set_retries(read_whole(text)),
        }

    def set_priority(self, priority: int) -> None:
        """Set the priority; InputError unless from 0, or -1."""
        self.priority = check_priority(priority)

    def set_script(self, name: str) -> None:
        """Set the script's name; InputError where it is longer than `MOST_NAME`."""
        if len(name) > MOST_NAME:
            raise InputError(f"Script: at most {MOST_NAME} characters; got {len(name)}")
        self.script = name

    def set_parameters(self, text: str) -> None:
        """Set the parameters; InputError unless they are a JSON object that `parse_json` takes."""
        self.parsed = parse_object("Parameters", text, '{"events": 1000}')
        self.parameters = text

    def set_faults(self, text: str) -> None:
        """Set the faults; InputError unless they are a JSON list of rules, as `read_rules` takes it."""
        self.rules = read_rules(parse_list("Faults", text, '[{"kind": "drop", "rate": 0.01}]'))
        self.faults = text

    def set_timeout(self, seconds: float) -> None:
        """Set the timeout in s, to the ms; InputError as of `check_timeout`."""
        self.timeout = check_timeout(seconds)

    def set_on_error(self, policy: int) -> None:
        """Set what the Director does after a failure; InputError unless it is one of `OnError`."""
        self.on_error = check_on_error(policy)

    def set_retries(self, retries: int) -> None:
        """Set how often a failed trigger is sent again; InputError unless from 0 to 1,000,000."""
        self.retries = check_retries(retries)
