"""The examples and the paths in README.rst and docs are right."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from donki_client.command import donki
from donki_client.prompt.grammar import parse
from donki_client.scenario.file import read_scenario
from donki_client.scenario.model import Scenario, ScenarioPlayer
from helpers.doc_examples import AT_THE_PROMPT, PAGES, PROMPT, README, ROOT, SHELL, commands, examples

#: What the pages tell people to run that is not ours.
PROGRAMS = {
    *(".", "export", "printf", "kcat", "apt-get", "python", "python3", "pip", "pre-commit", "pytest"),
    *("twine", "sphinx-build", "taurus", "tango_admin", "TangoAccessControl", "DonkiDirector", "DonkiPlayer"),
    "DonkiSection",
}
NAME_AND_VALUE = re.compile(r"[A-Z_]+=\S*")
LITERAL = re.compile(r"``([^`]+)``")


def of_all_pages(*languages):
    return [
        pytest.param(example, id=str(example)) for page in PAGES for example in examples(page, *languages)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the examples find in theirs: the scripts."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", of_all_pages(SHELL))
def test_commands_and_their_options_exist(example, folder):
    for program, *arguments in map(without_variables, commands(example)):
        name = Path(program).name or program
        if name != "donki":
            assert name in PROGRAMS, f"{program} is no program; what is no shell command is a code-block"
            if "-c" in arguments:
                compile(arguments[arguments.index("-c") + 1], str(example), "exec")
            continue
        for word in arguments:
            if Path(word).suffix in (".py", ".yaml", ".h5") and not Path(word).exists():
                Path(word).touch()
        understood(donki, arguments)


def without_variables(words):
    return [word for word in words if not NAME_AND_VALUE.fullmatch(word)]


def understood(command, arguments):
    """Let click parse the arguments of a command, or of the command of a group, and carry out nothing."""
    context = command.make_context(command.name, list(arguments))
    if isinstance(command, click.Group):
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert name
        understood(inner, rest)


@pytest.mark.parametrize("example", of_all_pages(AT_THE_PROMPT))
def test_the_prompt_understands_what_is_typed(example):
    typed = [line.removeprefix(PROMPT) for line in example.text.splitlines() if line.startswith(PROMPT)]
    assert typed
    assert all(parse(line) for line in typed)


@pytest.mark.parametrize("example", of_all_pages("python"))
def test_python_code_compiles(example):
    compile(example.text, str(example), "exec")


@pytest.mark.parametrize("example", of_all_pages("yaml"))
def test_a_scenario_or_a_part_of_one_is_valid(example, folder):
    (folder / "mine.py").write_text("def action(trigger): ...\n")
    (folder / "loki.json").write_text('{"children": []}')
    (folder / "detectors.yaml").write_text("triggers: 1\nplayers: {d: {script: mine.py}}\n")
    shown = yaml.safe_load(example.text) or {}
    player = {key: shown.pop(key) for key in list(shown) if key not in Scenario.model_fields}
    assert set(player) <= set(ScenarioPlayer.model_fields)
    whole = {"triggers": 1, "players": {"p": {"script": "mine.py", **player}}} | shown
    (folder / "scenario.yaml").write_text(yaml.safe_dump(whole))
    read_scenario(folder / "scenario.yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page):
    folders = [path.name for path in ROOT.iterdir() if path.is_dir()]
    named = {word for literal in LITERAL.findall(page.read_text()) for word in literal.split()}
    paths = [word for word in named if "/" in word and word.split("/")[0] in folders]
    missing = [path for path in paths if not (ROOT / path).exists() and not path.startswith("build/")]
    assert not missing


def test_the_readme_is_one_page():
    assert len(README.read_text().splitlines()) <= 130


def test_ci_runs_the_readme_command_that_tests():
    [command] = [example.text for example in examples(README, SHELL) if "pytest" in example.text]
    assert command in (ROOT / ".ci" / "run").read_text()
