"""Which files belong to a script, and which data files its parameters name."""

from __future__ import annotations

from donki_client.facility.hosts.scripts import data_files, script_files


def written(folder, **files):
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def test_modules_beside_a_script_belong_to_it(tmp_path):
    written(
        tmp_path,
        script="import first\nfrom second import thing\nimport numpy, json\ndef action(t): import late",
        first="from package.part import x",
        second="from . import relative",
        relative="import script",
        late="",
        json="never: the standard library's comes first",
        unused="",
        package__part="",
        package__other="import first",
    )
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "numpy").mkdir()  # no package: the installed one is meant
    expected = {
        "script",
        "first",
        "second",
        "relative",
        "late",
        "package/part",
        "package/other",
        "package/__init__",
    }
    assert set(script_files(tmp_path / "script.py")) == {f"{name}.py" for name in expected}


def test_data_files_are_those_that_are_there(tmp_path):
    (tmp_path / "a.nxs").write_bytes(b"12345")
    (tmp_path / "b.nxs").write_bytes(b"1")
    parameters = {"file": "a.nxs", "deep": [{"more": ["b.nxs", "c.nxs", "", "\0", "x" * 5000]}], "events": 3}
    assert data_files(parameters, [tmp_path / "nothing", tmp_path]) == {"a.nxs": 5, "b.nxs": 1}
