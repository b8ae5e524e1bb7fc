"""Scripts that are sent to a host: kept only where it is allowed, under names that lead nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import FileError, InputError, NotAllowedError
from donki.player.script.store import VARIABLE, hashes, keep, sha256

FILES = {"script.py": b"import beside", "beside.py": b"", "package/__init__.py": b"", "package/part.py": b"1"}


@pytest.fixture
def store(tmp_path, monkeypatch):
    folder = tmp_path / "made" / "store"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def test_a_host_takes_no_scripts_unless_it_says_so(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(NotAllowedError, match=f"takes no scripts: {VARIABLE} is not set"):
        keep(FILES)


def test_the_same_files_are_in_the_same_folder(store):
    folder = keep(FILES)
    assert folder.parent == store
    assert hashes(folder, FILES) == {name: sha256(content) for name, content in FILES.items()}
    assert keep(dict(reversed(FILES.items()))) == folder
    assert keep({**FILES, "script.py": b"import other"}) != folder
    assert {path.name[0] for path in store.iterdir()}.isdisjoint(".")


def test_files_that_were_changed_are_replaced(store):
    folder = keep(FILES)
    (folder / "script.py").write_text("changed")
    assert keep(FILES) == folder
    assert (folder / "script.py").read_bytes() == FILES["script.py"]


PARTS = st.sampled_from(
    ["..", ".", "", "/", "\\", "\0", "~", "a", "b.py", ".hidden.py", "a b.py", "é.py", "a.sh"]
)


@given(name=st.lists(PARTS, max_size=4).map("/".join))
def test_no_name_leads_out(tmp_path_factory, name):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.getbasetemp() / "stores"
        patch.setenv(VARIABLE, str(folder))
        try:
            kept = keep({name: b"x"})
        except InputError:
            return
        assert (kept / name).resolve().is_relative_to(folder)
        assert hashes(kept, [name]) == {name: sha256(b"x")}


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "store"))
    with pytest.raises(FileError, match=f"{VARIABLE} .*store: cannot be written"):
        keep(FILES)


def test_what_is_not_under_the_script_path_has_no_hash(tmp_path):
    (tmp_path / "outside.py").touch()
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    names = ["../outside.py", "link.py", "missing.py", str(tmp_path / "outside.py"), ""]
    assert hashes(folder, names) == dict.fromkeys(names)
