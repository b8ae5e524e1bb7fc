"""Files that Parameters name are read under the folders that the operator allows, and nowhere else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError
from donki.player.data_path import find_data
from donki.player.player import Player


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two folders that are allowed, and one beside them; links lead from anywhere to anywhere."""
    root = tmp_path_factory.mktemp("world").resolve()
    for folder in ("data/a/b", "data2", "data_beside", "secret"):
        (root / folder).mkdir(parents=True)
    for file in ("data/one", "data/a/two", "data2/three", "secret/key", "data_beside/key"):
        (root / file).write_text(file)
    (root / "data/out").symlink_to(root / "secret")
    (root / "data/key").symlink_to(root / "secret/key")
    (root / "data/a/up").symlink_to("../..")
    (root / "data/across").symlink_to(root / "data2")
    (root / "data/circle").symlink_to("circle")
    (root / "secret/in").symlink_to(root / "data")
    os.mkfifo(root / "data/fifo")
    return root


NAMES = ["..", ".", "a", "b", "one", "two", "three", "key", "out", "up", "across", "circle", "in", "fifo"]
NAMES += ["data", "data2", "data_beside", "secret", "", "~", "\0", "x" * 300]
STARTS = ["", "/", "data/", "secret/"]


@settings(max_examples=600)
@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=6), st.sampled_from(["", "/", "data/", "secret/"])
)
def test_what_is_found_lies_under_an_allowed_folder_in_truth(world, parts, start):
    name = "/".join(parts)
    if start:
        name = f"/{name}" if start == "/" else f"{world}/{start}{name}"
    folders = [world / "data", world / "data2"]
    try:
        found = find_data(folders, name)
    except InputError as error:
        assert str(error)  # noqa: PT017 - either way is right
        # What is there and allowed is never refused.
        if "\0" not in name and "circle" not in name:
            real = [os.path.realpath(folder / name) for folder in folders]
            allowed = (f"{world}/data/", f"{world}/data2/")
            assert not any(os.path.isfile(file) and file.startswith(allowed) for file in real)
    else:
        assert os.path.realpath(found) == str(found)
        assert found.is_file()
        assert str(found).startswith((f"{world}/data/", f"{world}/data2/"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "../secret/key",
            "leads outside the folders that data are read from, .*/data; move the file",
        ),
        ("/etc/passwd", "leads outside"),
        ("out/key", "leads outside"),
        ("key", "leads outside"),
        ("a/up/secret/key", "leads outside"),
        ("../data_beside/key", "leads outside"),
        (".", "leads outside"),
        ("none", "/data/none: no such file; data are read from"),
        ("fifo", "/data/fifo: no such file"),
        ("a", "/data/a: no such file"),
        ("circle", "cannot be the name of a data file|no such file"),  # by Python's version
        ("one\0", "cannot be the name of a data file"),
        ("", "'': is no name of a data file"),
        (None, "None: is no name of a data file"),
        (5, "5: is no name"),
        (["one"], "is no name"),
    ],
)
def test_what_is_not_read_is_named_with_its_remedy(world, name, message):
    with pytest.raises(InputError, match=message):
        Player("p", [world / "data"]).data_file(name)


def test_relative_and_absolute_names_are_found_in_the_first_folder_that_has_them(world):
    player = Player("p", [world / "data", world / "data2"])
    for name in ("a/two", "a/../a/two", "a/up/data/a/two", f"{world}/data/a/two", f"{world}/secret/in/a/two"):
        assert player.data_file(name) == world / "data/a/two"
    assert player.data_file("three") == player.data_file("across/three") == world / "data2/three"
    with pytest.raises(InputError, match="data are read from, none; move"):
        Player("p").data_file("one")
