"""A Player of a scenario, and the faults that are injected into its data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from donki.errors import InputError
from donki.json_text import to_json
from donki.limits import check_priority, check_retries, check_timeout
from donki.player.script.path import shipped_scripts
from donki.streams.aliases import read_aliases
from donki.streams.faults.kinds import KINDS
from donki.streams.faults.rule import read_rules
from donki.streams.readouts.sender import check_address
from donki_client.scenario.model.fields import (
    Duration,
    HostName,
    Part,
    Policy,
    ServerName,
    Time,
    Topic,
    in_folder,
    obeying,
    problem,
)
from donki_client.scenario.model.quantity import TIME, read_quantity


def _find_script(value: object, info: ValidationInfo) -> object:
    """Read the path of a script: in the folder of the scenario, or one of the bundled ones."""
    path = in_folder(value, info)
    if not isinstance(path, Path) or path.is_file():
        return path
    shipped = shipped_scripts()
    found = [folder / str(value) for folder in (shipped, shipped / "scenarios")]
    return next((file for file in found if file.is_file()), path)


def _add_settings(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema of a fault which kinds there are, and their settings."""
    keys = schema["properties"]
    keys["kind"]["enum"] = list(KINDS)
    for kind in KINDS.values():
        for name, setting in kind.accepted.items():
            key = keys.setdefault(name, {"type": ["number", "string"] if setting.is_time else "number"})
            key["description"] = f"{key.get('description', '')} Of {kind.name}: {setting.expected}.".strip()
    schema["additionalProperties"] = False


class ScenarioFault(Part):
    """A fault that is put into a Player's data on their way to Kafka, on purpose.

    The settings of its kind are further keys.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_add_settings)

    kind: Annotated[str, Field(examples=["drop"])]
    """What happens: drop, duplicate, delay, reorder, corrupt and so on."""

    rate: float | None = Field(default=None, examples=[0.01])
    """The probability by message; by trigger for veto, and stream for silence, burst, lag and clock_jump."""

    triggers: list[int | str] | None = Field(default=None, examples=[[40, "100-120"]])
    """At these triggers alone: numbers, and spans in quotes; none: at all."""

    topic: str | None = None
    """In this topic alone."""

    source: str | None = None
    """Of this source alone."""

    @model_validator(mode="before")
    @classmethod
    def _read_times(cls, said: object) -> object:
        kind = KINDS.find(str(said.get("kind"))) if isinstance(said, Mapping) else None
        if kind is None or not isinstance(said, Mapping):
            return said
        read = dict(said)
        for name, setting in kind.accepted.items():
            if setting.is_time and name in said:
                try:
                    read[name] = read_quantity(TIME, said[name])
                except InputError as error:
                    raise problem(str(error), name) from None
        return read

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        try:
            read_rules([self.as_rule()])
        except InputError as error:
            said = str(error).removeprefix("faults[0]").lstrip(".: ")
            key, _, text = said.partition(": ")
            raise (problem(text, key) if key in self.model_fields_set else problem(said)) from None
        return self

    def as_rule(self) -> dict[str, JsonValue]:
        """Return it as the Player's parameters have it."""
        return self.model_dump(exclude_none=True)


class ScenarioPlayer(Part):
    """A Player of a scenario."""

    script: Annotated[Path, BeforeValidator(_find_script), Field(examples=["run_player_0.py"])]
    """The action script: a file relative to the scenario's, or one that comes with DonkiOrchestra."""

    parameters: Annotated[dict[str, JsonValue], obeying(partial(to_json, "parameters"))] = Field(
        default={}, examples=[{"events": 12000}]
    )
    """What the script finds in player.parameters."""

    priority: Annotated[int, obeying(check_priority), Field(json_schema_extra={"minimum": -1})] = 0
    """Lower acts first at a trigger, the same acts in parallel, -1 is left out."""

    timeout: Annotated[Time, obeying(check_timeout)] = Field(default=60.0, examples=["2 s"])
    """How long one action may take, its data delivered."""

    on_error: Policy = "ABORT"
    """What a failure means: the end of the sequence, a missed trigger, another try, or out for this run."""

    retries: Annotated[int, obeying(check_retries), Field(json_schema_extra={"minimum": 0})] = 0
    """How often a failed trigger is sent again with on_error: RETRY; then as with ABORT."""

    values_topic: Topic = Field(default="", examples=["loki_motion"])
    """Kafka topic of the values that the script returns; empty: nowhere."""

    readout: Annotated[str, obeying(check_address)] = Field(default="", examples=["127.0.0.1:9000"])
    """HOST:PORT of an event formation unit that raw readouts go to by UDP; empty: none go."""

    data_path: list[Annotated[Path, BeforeValidator(in_folder)]] = Field(default=[], examples=[["recorded"]])
    """Folders, relative to the scenario's, of files that parameters may name; none: the script's folder."""

    aliases: dict[str, str] = Field(default={}, examples=[{"T": "sample_temperature"}])
    """What values that the script returns are called in Kafka and in the file, where it is another name."""

    server: ServerName = Field(default="", examples=["bank_a"])
    """Device server that holds it, with all Players that name the same; empty: chosen by what is known."""

    host: HostName = Field(default="", examples=["detector-pc"])
    """Host on which its Starter starts the server; empty: this one."""

    duration: Duration | None = Field(default=None, examples=["30 ms"])
    """How long an action is thought to take, for `donki check` where nothing is measured yet."""

    faults: list[ScenarioFault] = Field(default=[], examples=[[{"kind": "drop", "rate": 0.01}]])
    """Faults to inject into its data on their way to Kafka, to test a pipeline; its files stay whole."""

    @field_validator("aliases")
    @classmethod
    def _are_aliases(cls, aliases: dict[str, str]) -> dict[str, str]:
        try:
            read_aliases(f"{name}={alias}" for name, alias in aliases.items())
        except InputError as error:
            raise problem(str(error)) from None
        return aliases

    @model_validator(mode="after")
    def _faults_once(self) -> Self:
        try:
            read_rules(self.parameters.get("faults"))
        except InputError as error:
            raise problem(str(error), "parameters") from None
        if self.faults and "faults" in self.parameters:
            raise problem("the parameters have faults too; keep them in one place", "faults")
        return self

    @model_validator(mode="after")
    def _retries_mean_something(self) -> Self:
        check_retries_mean_something(self.retries, self.on_error)
        return self


def check_retries_mean_something(retries: int, on_error: str) -> None:
    """Refuse retries without the policy for them, and that without retries."""
    if retries and on_error != "RETRY":
        raise problem(f"counts only with on_error: RETRY; on_error is {on_error}", "retries")
    if on_error == "RETRY" and not retries:
        raise problem("RETRY needs retries: 1 or more", "on_error")
