"""How a script is found, loaded and called; no Tango."""

from __future__ import annotations

import numpy as np
import pytest

from donki.errors import ScriptError
from donki.player.player import Player
from donki.player.script.path import find_script, shipped_scripts
from donki.player.script.script import Script
from donki.player.trigger import Trigger
from donki.run import Run


@pytest.fixture
def load(tmp_path):
    def load(text, player=None):
        file = tmp_path / "script.py"
        file.write_text(text)
        return Script(file, player or Player("p"))

    return load


def test_a_trigger_is_an_int_that_carries_its_reference_time_and_attempt():
    trigger = Trigger(7, 123, 2)
    assert trigger == 7
    assert trigger + 1 == 8
    assert f"{trigger:03}" == "007"
    assert (trigger.reference_time, trigger.attempt) == (123, 2)


@pytest.mark.parametrize(
    "signature",
    ["trigger", "trigger, player", "trigger, player=None", "*arguments", "trigger, *, debug=False"],
)
def test_action_may_take_the_player(load, signature):
    script = load(f"def action({signature}):\n    return {{'given': list(locals().values())}}\n")
    assert script.action(Trigger(3, 0))["given"]


def test_the_player_is_the_last_argument(load):
    player = Player("p")
    script = load(
        "seen = []\ndef setup(p):\n    seen.append(p)\ndef action(t, p):\n    return {'seen': [*seen, p]}\n",
        player,
    )
    script.setup()
    assert script.action(Trigger(1, 0)) == {"seen": [player, player]}


def test_dataclasses_and_file_work_in_a_script(load, tmp_path):
    script = load(
        "from __future__ import annotations\nimport dataclasses\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
        "def action(trigger):\n    return {'x': Point(1).x, 'file': __file__}\n"
    )
    assert script.action(Trigger(1, 0)) == {"x": 1, "file": str(tmp_path / "script.py")}


def test_a_script_means_what_it_means_as_any_module(load):
    script = load(
        "def scaled(counts: int): ...\n"
        "def action(trigger):\n    return {'is_int': scaled.__annotations__['counts'] is int}\n"
    )
    assert script.action(Trigger(1, 0)) == {"is_int": True}


def test_an_error_names_the_line_of_the_script_not_of_a_library(load):
    script = load("import json\n\ndef action(trigger):\n    return json.loads('x')\n")
    with pytest.raises(ScriptError, match=r"script\.py, line 4: action failed: JSONDecodeError"):
        script.action(Trigger(1, 0))


@pytest.mark.parametrize("names", ["3", "'text'", "[1]", "None"])
def test_data_names_are_a_list_of_names(load, names):
    script = load(f"def get_data_names():\n    return {names}\ndef action(trigger):\n    pass\n")
    with pytest.raises(ScriptError, match="get_data_names returns a list of names"):
        script.data_names()


def test_values_that_the_data_names_do_not_name_are_refused(load):
    script = load(
        "def get_data_names():\n    return ['current']\n"
        "def action(trigger):\n    return {name: 1 for name in ('current', 'playerlog', 'x')[:trigger]}\n"
    )
    script.data_names()
    assert script.action(Trigger(2, 0)) == {"current": 1, "playerlog": 1}
    with pytest.raises(ScriptError, match="returned 'x', which get_data_names does not name; it names cur"):
        script.action(Trigger(3, 0))


def test_a_script_without_data_names_says_none(load):
    assert load("def action(trigger):\n    pass\n").data_names() is None


def test_the_shipped_scripts_are_found():
    assert find_script(shipped_scripts(), "just_action.py").is_file()


def test_without_a_name_no_script_is_found(tmp_path):
    with pytest.raises(ScriptError, match="no script is set"):
        find_script(tmp_path, "")


def test_random_numbers_depend_on_seed_player_and_trigger_alone():
    def numbers(name, seed, trigger):
        player = Player(name)
        player.begin(Run("r", seed=seed), None)
        return player.rng(trigger).integers(2**63, size=4).tolist()

    assert numbers("a", 1, 1) == numbers("a", 1, Trigger(1, 99, 3))
    different = [
        numbers(*case) for case in (("a", 1, 1), ("b", 1, 1), ("a", 2, 1), ("a", 1, 2), ("ab", 1, 1))
    ]
    assert len(np.unique(different)) == 20
