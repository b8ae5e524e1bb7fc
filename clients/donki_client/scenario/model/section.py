"""A section of a scenario: another scenario, which is played at each trigger of this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from donki.limits import check_priority, check_retries, check_timeout
from donki_client.scenario.model.fields import HostName, Part, Policy, Time, in_folder, obeying
from donki_client.scenario.model.player import check_retries_mean_something


class ScenarioSection(Part):
    """A section of a scenario: an orchestra with a Director of its own that plays as a Player."""

    scenario: Annotated[Path, BeforeValidator(in_folder), Field(examples=["detectors.yaml"])]
    """Its own scenario, a file relative to this one's; but for its triggers, rate, title, metadata, seed."""

    priority: Annotated[int, obeying(check_priority), Field(json_schema_extra={"minimum": -1})] = 0
    """Lower acts first at a trigger, the same acts in parallel, -1 is left out."""

    timeout: Annotated[Time, obeying(check_timeout)] = Field(default=60.0, examples=["2 s"])
    """How long all its Players together may take for one trigger."""

    on_error: Policy = "ABORT"
    """What a failure means that ends its part of a trigger: as of a Player."""

    retries: Annotated[int, obeying(check_retries), Field(json_schema_extra={"minimum": 0})] = 0
    """How often a failed trigger is sent again with on_error: RETRY; then as with ABORT."""

    host: HostName = Field(default="", examples=["detector-pc"])
    """Host of its Director, and of those of its Players and sections that name none; empty: this one."""

    @model_validator(mode="after")
    def _retries_mean_something(self) -> Self:
        check_retries_mean_something(self.retries, self.on_error)
        return self
