"""What ``donki --help`` and the help of each command show."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from donki_client.command import donki
from donki_client.commands import group
from donki_client.commands.group import SECTIONS

FOLDER = Path(group.__file__).parent

#: Modules of the folder that are no commands.
OTHERS = ("__init__", "group", "options")

CONTEXT = click.Context(donki)
NAMES = sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if path.stem not in OTHERS)


def shown(*arguments, width=80):
    done = CliRunner().invoke(donki, [*arguments, "--help"], terminal_width=width)
    assert done.exit_code == 0
    return done.output


def test_every_command_is_in_one_section():
    assert sorted(name for names in SECTIONS.values() for name in names) == NAMES


def test_each_command_has_a_line_that_fits():
    lines = shown().splitlines()
    for name in NAMES:
        [line] = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.endswith("."), line
        assert not line.endswith("..."), line


def test_a_command_of_no_section_is_listed_all_the_same(monkeypatch):
    monkeypatch.setitem(donki.commands, "tune", click.Command("tune", short_help="Tune."))
    assert "tune" in shown().partition("Other:")[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does(name):
    for parameter in donki.get_command(CONTEXT, name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    text = shown(name)
    assert "\b" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_explained(name):
    text = " ".join(shown(name).split())
    for parameter in donki.get_command(CONTEXT, name).params:
        if isinstance(parameter, click.Argument):
            word = (parameter.metavar or parameter.name.upper()).strip("[].")
            assert text.count(word) > 1, f"{name}: {word} is named in the usage only"
