"""The files of the house say the same things."""

from __future__ import annotations

import tomllib
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


def test_both_packages_and_the_scripts_are_in_the_wheel():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["devices/donki", "clients/donki_client"]
    assert wheel["force-include"] == {"scripts": "donki/scripts"}


@pytest.mark.parametrize("package", ["devices/donki", "clients/donki_client"])
def test_type_checkers_of_others_read_the_types(package):
    assert (ROOT / package / "py.typed").is_file()
