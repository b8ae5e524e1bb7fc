"""A scenario as data: what it has, and how each of it is read and checked."""

from donki_client.scenario.model.outputs import ScenarioFiles, ScenarioFileWriter
from donki_client.scenario.model.player import ScenarioFault, ScenarioPlayer
from donki_client.scenario.model.scenario import Scenario, paths_in, schema_text
from donki_client.scenario.model.section import ScenarioSection
from donki_client.scenario.model.tree import (
    Below,
    changed_throughout,
    hosts_of,
    name_twice,
    on_host,
    on_this_machine,
    players_in,
    scenarios_of,
    sections_below,
)

__all__ = [
    "Below",
    "Scenario",
    "ScenarioFault",
    "ScenarioFileWriter",
    "ScenarioFiles",
    "ScenarioPlayer",
    "ScenarioSection",
    "changed_throughout",
    "hosts_of",
    "name_twice",
    "on_host",
    "on_this_machine",
    "paths_in",
    "players_in",
    "scenarios_of",
    "schema_text",
    "sections_below",
]
