"""Modules beside an action script: each script has its own, and none from elsewhere."""

from __future__ import annotations

import gc
import pickle
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import ScriptError
from donki.player.player import Player
from donki.player.script.script import Script
from donki.player.trigger import Trigger

ACTION = "def action(trigger):\n    return {'got': got()}\n"
NAMES = ("helper", "other_helper", "numpy", "tango", "h5py")

#: How a script may ask a module for its ORIGIN.
WAYS = (
    "import {name}\ndef got(): return {name}.ORIGIN\n",
    "import {name} as m\ndef got(): return m.ORIGIN\n",
    "from {name} import ORIGIN\ndef got(): return ORIGIN\n",
    "from . import {name}\ndef got(): return {name}.ORIGIN\n",
    "from .{name} import ORIGIN as o\ndef got(): return o\n",
    "def got():\n    import {name}\n    return {name}.ORIGIN\n",
    "import importlib\ndef got(): return importlib.import_module('.{name}', __package__).ORIGIN\n",
    "import {name}.inner\ndef got(): return {name}.inner.ORIGIN\n",
    "import {name}.inner as m\ndef got(): return m.ORIGIN\n",
    "from {name} import inner\ndef got(): return inner.ORIGIN\n",
    "from {name}.inner import ORIGIN\ndef got(): return ORIGIN\n",
)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def load(file: Path, root: Path | None = None) -> Script:
    return Script(file, Player("p"), root)


def got(script: Script) -> object:
    return script.action(Trigger(1, 0))["got"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "b", "a/c", "v1.2", "with space", "é"]),
            st.sampled_from(NAMES),
            st.sampled_from(WAYS),
            st.sampled_from(["script.py", "my-scan.py", "numpy.py", "a.b.py", "no_suffix"]),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda case: case[0],
    )
)
def test_each_script_gets_the_modules_of_its_own_folder(cases):
    path = list(sys.path)
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        scripts = []
        for where, name, way, script in cases:
            # A package, whose modules import each other and what is beside the script.
            write(root / where / name / "__init__.py", f"from .deeper import ORIGIN\nimport {name}.inner\n")
            write(root / where / name / "deeper.py", "import beside\nORIGIN = beside.ORIGIN\n")
            write(root / where / name / "inner.py", f"from {name}.deeper import ORIGIN\n")
            write(root / where / "beside.py", f"ORIGIN = {where!r}\n")
            file = write(root / where / script, way.format(name=name) + ACTION)
            scripts.append((where, load(file, root)))
        for where, script in [*scripts, *reversed(scripts)]:
            assert got(script) == where
        assert not list(root.rglob("__pycache__"))
    assert sys.path == path
    assert not {"beside", "helper", "other_helper"} & sys.modules.keys()


def test_the_standard_library_and_what_is_installed_are_as_everywhere(tmp_path):
    write(tmp_path / "json.py", "ORIGIN = 'beside'\n")
    (tmp_path / "numpy").mkdir()  # a folder of data
    script = load(write(tmp_path / "s.py", "import json, numpy\ndef got(): return json, numpy\n" + ACTION))
    assert got(script) == (sys.modules["json"], sys.modules["numpy"])


def test_two_players_have_modules_of_their_own(tmp_path):
    write(tmp_path / "helper.py", "count = [0]\n")
    text = "import helper\nclass A: pass\ndef got():\n    helper.count[0] += 1\n"
    text += "    return helper.count[0], A()\n"
    file = write(tmp_path / "s.py", text + ACTION)
    one, other = load(file), load(file)
    assert [got(one)[0], got(other)[0], got(one)[0]] == [1, 1, 2]
    for script in (one, other):
        assert type(pickle.loads(pickle.dumps(got(script)[1]))) is type(got(script)[1])


def test_what_is_changed_beside_a_script_is_taken_up_by_the_next_load_however_soon(tmp_path):
    file = write(tmp_path / "s.py", "import helper\ndef got(): return helper.N\n" + ACTION)
    for number in range(10, 30):  # of one size
        write(tmp_path / "helper.py", f"N = {number}\n")
        script = load(file)
        assert got(script) == number
        script.close()


def test_nothing_outside_the_script_path_is_loaded(tmp_path):
    root = tmp_path / "root"
    write(tmp_path / "outside.py", "ORIGIN = 1\n")
    write(tmp_path / "package" / "__init__.py", "ORIGIN = 1\n")
    write(root / "inside.py", "ORIGIN = 2\n")
    (root / "sub").mkdir()
    (root / "sub" / "outside.py").symlink_to(tmp_path / "outside.py")
    (root / "sub" / "package").symlink_to(tmp_path / "package")
    (root / "sub" / "inside.py").symlink_to(root / "inside.py")
    for name, says in (
        ("outside", "leads outside the script path"),
        ("package", "leads outside the script path"),
        ("..outside", "ImportError|beyond top-level|ModuleNotFoundError"),
    ):
        file = write(root / "sub" / "s.py", f"from {name} import ORIGIN\ndef got(): return ORIGIN\n" + ACTION)
        with pytest.raises(ScriptError, match=says):
            load(file, root)
    file = write(root / "sub" / "s.py", "from inside import ORIGIN\ndef got(): return ORIGIN\n" + ACTION)
    assert got(load(file, root)) == 2


def test_a_mistake_beside_a_script_is_named_with_its_own_line(tmp_path):
    write(tmp_path / "helper.py", "\n\nx = (\n")
    with pytest.raises(
        ScriptError, match=r"s\.py, line 2: cannot be loaded: SyntaxError.*helper\.py, line 3"
    ):
        load(write(tmp_path / "s.py", "\nimport helper\n" + ACTION))


def test_modules_of_scripts_that_are_gone_are_gone(tmp_path):
    def known():
        gc.collect()
        return {name for name in sys.modules if name.startswith("donki.player.script.loaded.")}

    before = known()
    write(tmp_path / "helper.py", "N = 1\n")
    file = write(tmp_path / "s.py", "import helper\ndef got(): return helper.N\n" + ACTION)
    for _ in range(5):
        load(file).close()
    broken = write(tmp_path / "broken.py", "import helper\n1 / 0\n")
    for _ in range(5):
        with pytest.raises(ScriptError):
            load(broken)
    assert known() == before
