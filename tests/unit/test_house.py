"""The files of the house say the same things."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def parsed(lines):
    requirements = [Requirement(line) for line in lines]
    return {(r.name.lower().replace("_", "-"), str(r.specifier), *sorted(r.extras)) for r in requirements}


def test_conda_env_has_the_dependencies_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "conda-env.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    assert "-e ." in pip
    lines = [entry for entry in conda if isinstance(entry, str) and entry != "pip"]
    lines += [entry for entry in pip if entry != "-e ."]
    assert parsed(lines) == parsed([f"python{project['requires-python']}", *project["dependencies"]])


def test_the_conda_recipe_is_that_of_pyproject():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    recipe = yaml.safe_load((ROOT / ".conda" / "recipe.yaml").read_text())
    needed = [Requirement(line) for line in project["dependencies"]]
    own_names = {"matplotlib": "matplotlib-base"}  # conda-forge has another one with Qt
    lines = [f"{own_names.get(one.name, one.name)}{one.specifier}" for one in needed]
    # conda has no extras: what those of kafka-python are for stands by itself
    extras = {"crc32c", "lz4", "python-snappy", "zstandard"}
    python = f"python{project['requires-python']}"
    requirements = recipe["requirements"]
    assert parsed(requirements["run"]) == parsed([python, *lines, *extras])
    assert parsed(requirements["host"]) == parsed([python, "pip", *pyproject["build-system"]["requires"]])
    entry_points = dict(line.split(" = ") for line in recipe["build"]["python"]["entry_points"])
    assert entry_points == project["scripts"]
    about = recipe["about"]
    assert (about["homepage"], about["summary"]) == (project["urls"]["Source"], project["description"])


def test_both_packages_and_the_scripts_are_in_the_wheel():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["devices/donki", "clients/donki_client"]
    assert wheel["force-include"] == {"scripts": "donki/scripts"}


@pytest.mark.parametrize("package", ["devices/donki", "clients/donki_client"])
def test_type_checkers_of_others_read_the_types(package):
    assert (ROOT / package / "py.typed").is_file()


#: Whoever may start threads: the one helper, and pools whose every result is asked for or guarded.
STARTERS = {
    "Thread": {"devices/donki/threads.py"},
    "Timer": {"devices/donki/threads.py"},
    "start_new_thread": set(),
    "ThreadPoolExecutor": {
        "devices/donki/director/players/inquiry.py",
        "devices/donki/streams/file_checksums.py",
        "clients/donki_client/api/async_director.py",
        "clients/donki_client/panel/model/orchestra.py",
        "clients/donki_client/panel/model/requests.py",
    },
}


@cache
def called(path):
    """Return the names of all that a file calls or derives from."""
    named = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            named.append(node.func)
        elif isinstance(node, ast.ClassDef):
            named += node.bases
    return frozenset(getattr(node, "attr", None) or getattr(node, "id", None) for node in named)


@pytest.mark.parametrize("starter", STARTERS)
def test_threads_are_started_by_one_helper(starter):
    files = [path for package in ("devices", "clients") for path in (ROOT / package).rglob("*.py")]
    assert files
    found = {str(path.relative_to(ROOT)) for path in files if starter in called(path)}
    assert found == STARTERS[starter]


@pytest.mark.parametrize("device", ["director", "player"])
def test_labels_and_descriptions_are_read_alike_by_every_client(device):
    texts = [path.read_text() for path in (ROOT / "devices" / "donki" / device).rglob("*.py")]
    declaring = [text for text in texts if "device_property(" in text or "display_level" in text]
    assert declaring
    assert all(text.isascii() for text in declaring)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_the_rules_of_a_sequence_import_nothing_but_themselves_and_what_is_as_pure():
    files = [*(ROOT / "devices/donki/director/rules").glob("*.py")]
    assert len(files) > 1
    ours = {name for path in files for name in imported(path) if name.partition(".")[0] == "donki"}
    beyond = {name for name in ours if not name.startswith("donki.director.rules.")}
    assert beyond <= {"donki.errors", "donki.limits"}


def test_no_file_of_the_product_is_longer_than_300_lines():
    files = [path for package in ("devices", "clients") for path in (ROOT / package).rglob("*.py")]
    assert {path: count for path in files if (count := len(path.read_text().splitlines())) > 300} == {}
