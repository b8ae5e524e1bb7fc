"""Scenarios read from YAML files; what is wrong is reported with its line, and what to do."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from donki.errors import InputError
from donki.player.script.path import shipped_scripts
from donki.streams.readouts.sender import check_address
from donki_client.environment import named
from donki_client.scenario.model import (
    Scenario,
    ScenarioFault,
    ScenarioFiles,
    ScenarioFileWriter,
    ScenarioPlayer,
    ScenarioSection,
    changed_throughout,
    name_twice,
    on_host,
    paths_in,
)
from donki_client.scenario.yaml_document import Document, Place, Problem, Route, read_document

#: What was expected where pydantic found a wrong type.
EXPECTED = {
    "model_type": "expected a mapping, key: value",
    "dict_type": "expected a mapping, key: value",
    "is_instance_of": "expected the name of a file or folder",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "string_type": "expected a text",
}


def find_scenario(path: Path) -> Path:
    """Return the file of a scenario: as given, or one of those that come with DonkiOrchestra.

    Raises
    ------
    InputError
        when there is neither; names the bundled ones
    """
    folder = shipped_scripts() / "scenarios"
    if path.exists():
        return path
    if len(path.parts) == 1 and (folder / path).is_file():
        return folder / path
    names = ", ".join(sorted(file.name for file in folder.glob("*.yaml")))
    raise InputError(f"{path}: there is no such file; the bundled scenarios are {names}")


def read_scenario(path: Path, above: tuple[Path, ...] = ()) -> Scenario:
    """Read a scenario and make sure that its scripts are there and compile; none of them is executed.

    Parameters
    ----------
    path
        of the file; those of its sections are read too
    above
        the files whose section it is, directly or not

    Raises
    ------
    InputError
        with a line ``FILE:LINE:COLUMN: what is wrong and what to do`` for every problem
    """
    document = read_document(path)
    problems = list(document.problems)
    try:
        scenario = Scenario.model_validate(document.content, context=paths_in(path.parent.absolute()))
    except ValidationError as error:
        problems += [_problem(document, details) for details in error.errors(include_url=False)]
    else:
        problems += _script_problems(document, scenario)
        problems += _section_problems(document, scenario, (*above, path.resolve()))
        if not problems:
            return scenario
    lines = [
        f"{path}:{problem.place.line}:{problem.place.column}: {problem.text}"
        for problem in sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))
    ]
    if len(lines) > 1:
        lines.insert(0, f"{path} has {len(lines)} problems:")
    raise InputError("\n".join(lines))


def from_environment(scenario: Scenario, environment: Mapping[str, str]) -> Scenario:
    """Return a scenario whose database and broker, where it names none, are those of the environment.

    Parameters
    ----------
    scenario
        what it says itself counts
    environment
        ``TANGO_HOST`` and ``DONKI_BROKER``, ``HOST:PORT`` each

    Raises
    ------
    InputError
        naming the variable that holds something else
    """
    found = {
        key: value
        for key, variable in (("database", "TANGO_HOST"), ("broker", "DONKI_BROKER"))
        if getattr(scenario, key) is None and (value := named(environment, variable))
    }
    return scenario.model_copy(update=found)


def with_structure(scenario: Scenario, structure: Path) -> Scenario:
    """Return a scenario whose file writers write another structure.

    Raises
    ------
    InputError, FileError
        when it names no file writers, or the structure cannot be used
    """
    from donki.director.output.writers.structure import OwnStructure  # noqa: PLC0415 - slow to import

    if scenario.file_writer is None:
        raise InputError(
            "--structure is for the ESS file writer, and the scenario names none; add file_writer: TOPIC"
        )
    OwnStructure(structure)
    writer = scenario.file_writer.model_copy(update={"structure": structure})
    return scenario.model_copy(update={"file_writer": writer})


def instance_name(path: Path) -> str:
    """Return the name of the server that plays a file's scenario."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem).lstrip("_.-") or "scenario"


def _problem(document: Document, details: ErrorDetails) -> Problem:
    route: Route = tuple(part for part in details["loc"] if part != "[key]")
    route += (key,) if (key := details.get("ctx", {}).get("key")) else ()
    while route and route not in document.values:  # what pydantic adds of its own: the branches of a union
        if details["type"] == "missing":
            break
        route = route[:-1]
    name = ".".join(map(str, route))
    match details["type"]:
        case "extra_forbidden":
            return Problem(document.keys[route], _unknown(route))
        case "missing":
            place = document.values.get(route[:-1]) or Place(1, 1)
            return Problem(place, f"{name} is missing; {_example(route)}")
        case "scenario":
            place = (document.keys.get(route) if key else None) or document.values.get(route) or Place(1, 1)
            said = details["msg"]
            repeated = f"{route[-1]}: " if route else ""
            said = said[len(repeated) :] if said.lower().startswith(repeated) else said
            return Problem(place, f"{name}: {said}" if name else said)
        case "string_pattern_mismatch" if len(route) == 2:
            accepted = "letters, digits, '_', '-' and '.', a letter or digit first"
            return Problem(
                document.keys[route], f"{route[1]!r} is no name of a Player; accepted are {accepted}"
            )
        case _:
            return _wrong_type(document, details, route)


def _wrong_type(document: Document, details: ErrorDetails, route: Route) -> Problem:
    place = document.values.get(route) or Place(1, 1)
    if not route:
        what = "is empty" if document.content is None else "is no mapping"
        return Problem(place, f"the file {what}; a scenario says at least triggers and players")
    expected = EXPECTED.get(details["type"]) or details["msg"].replace("Input should be", "expected")
    value = details["input"]
    hint = _closest(value, details.get("ctx", {}).get("expected", "").replace("'", "").split())
    return Problem(place, f"{'.'.join(map(str, route))}: {expected}; got {value!r:.80}{hint}")


def _closest(value: object, candidates: list[str]) -> str:
    known = [candidate.strip(",") for candidate in candidates if candidate != "or"]
    close = difflib.get_close_matches(str(value).upper(), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def with_readout(scenario: Scenario, address: str) -> Scenario:
    """Return a scenario whose Players, those of its sections too, send their raw readouts to one address.

    Raises
    ------
    InputError
        when it is none
    """
    check_address(address)

    def there(part: Scenario) -> Scenario:
        players = {
            name: player.model_copy(update={"readout": address}) for name, player in part.players.items()
        }
        return part.model_copy(update={"players": players})

    return changed_throughout(scenario, there)


def _model_at(route: Route) -> type[BaseModel]:
    if route[2:3] == ("faults",) and len(route) > 3:
        return ScenarioFault
    if route[:1] == ("hdf5",) and len(route) > 1:
        return ScenarioFiles
    if route[:1] == ("file_writer",) and len(route) > 1:
        return ScenarioFileWriter
    if len(route) > 1:
        return ScenarioSection if route[0] == "sections" else ScenarioPlayer
    return Scenario


def _unknown(route: Route) -> str:
    key, known = str(route[-1]), list(_model_at(route).model_fields)
    close = difflib.get_close_matches(key.lower(), known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
    return f"unknown key {key!r}; {remedy}"


def _example(route: Route) -> str:
    examples: list[Any] = _model_at(route).model_fields[str(route[-1])].examples or []
    return f"for example {route[-1]}: {examples[0]}"


def _script_problems(document: Document, scenario: Scenario) -> list[Problem]:
    problems = []
    for name, player in scenario.players.items():
        if text := _script_problem(player.script):
            place = document.values["players", name, "script"]
            problems.append(Problem(place, f"players.{name}.script: {text}"))
    return problems


def _section_problems(document: Document, scenario: Scenario, above: tuple[Path, ...]) -> list[Problem]:
    """Read the scenarios of the sections; return what is wrong with them."""
    problems = []
    for name, section in scenario.sections.items():
        place = document.values["sections", name, "scenario"]
        what = f"sections.{name}.scenario"
        if section.scenario.resolve() in above:
            problems.append(Problem(place, f"{what}: {section.scenario} is a section of itself; take it out"))
            continue
        try:
            scenario.take_section(name, on_host(read_scenario(section.scenario, above), section.host))
        except InputError as error:
            problems.append(Problem(place, f"{what}: {error}"))
    if not problems and (twice := name_twice(scenario)):
        place = document.keys["sections", twice[0]]
        problems.append(Problem(place, f"sections.{twice[0]}: {twice[1]}"))
    return problems


def _script_problem(script: Path) -> str:
    """Say what keeps a script from being used, as far as is seen without executing it; empty if nothing."""
    try:
        tree = ast.parse(script.read_bytes(), str(script))
    except FileNotFoundError:
        return f"there is no file {script}, nor a script of that name that comes with DonkiOrchestra"
    except OSError as error:
        return f"{script} cannot be read: {error.strerror}"
    except SyntaxError as error:
        return (
            f"{script}, line {error.lineno}: {error.msg}"
            if error.lineno
            else f"{script} cannot be read: {error}"
        )
    except ValueError as error:
        return f"{script} cannot be read: {error}"
    return "" if _may_define_action(tree) else f"{script} has no function action(trigger); add one"


def _may_define_action(tree: ast.Module) -> bool:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
    return bool(names & {"action", "*"})
