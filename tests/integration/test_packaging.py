"""Wheel, sdist and conda recipe as they would be published: from a clean tree, with and without a tag."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from helpers.doc_examples import ROOT

BARE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
WHO = ("-c", "user.name=a tester", "-c", "user.email=tester@localhost")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = PROJECT["urls"]["Source"]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **BARE},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(tree: Path, *kinds: str) -> list[Path]:
    """Build packages, by default the sdist and from it the wheel; hatchling is installed already."""
    made = tree / "made"
    run(sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", made, ".", cwd=tree)
    return sorted(made.iterdir())


def version_of(tree: Path) -> str:
    return run(sys.executable, "-m", "hatchling", "version", cwd=tree).strip()


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """A clean tree of what is in this one, committed and without any tag."""
    if not (ROOT / ".git").exists():
        pytest.skip("a clone is needed; this folder has no history")
    tree = tmp_path_factory.mktemp("committed")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    files = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    with tarfile.open(tree / "files.tar", "w") as packed:
        for name in files:
            packed.add(ROOT / name, name)
    run("tar", "--extract", "--file", "files.tar", cwd=tree)
    (tree / "files.tar").unlink()
    run("git", "init", "--quiet", cwd=tree)
    run("git", "add", "--all", cwd=tree)
    run("git", *WHO, "commit", "--quiet", "--message", "a state", cwd=tree)
    return tree


@pytest.fixture(scope="module")
def tagged(committed, tmp_path_factory):
    tree = tmp_path_factory.mktemp("tagged") / "clone"
    run("git", "clone", "--quiet", committed, tree, cwd=committed)
    run("git", *WHO, "tag", "--annotate", "--message", "a release", "v1.2.3", cwd=tree)
    return tree


@pytest.fixture(scope="module")
def packages(tagged):
    return build(tagged)


@pytest.fixture(scope="module")
def described(packages):
    """What the wheel says of itself."""
    with zipfile.ZipFile(packages[0]) as wheel:
        return email.message_from_bytes(wheel.read("donkiorchestra-1.2.3.dist-info/METADATA"))


def test_the_version_is_that_of_the_tag(packages):
    assert [package.name for package in packages] == [
        "donkiorchestra-1.2.3-py3-none-any.whl",
        "donkiorchestra-1.2.3.tar.gz",
    ]


def test_twine_accepts_both(packages, tagged):
    said = run(sys.executable, "-m", "twine", "check", "--strict", *packages, cwd=tagged)
    assert said.count("PASSED") == 2


def test_the_description_has_no_picture_of_this_folder(described):
    pictures = re.findall(r"image:: (\S+)", described.get_payload())
    assert pictures
    folder = SOURCE.replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"
    for picture in pictures:
        assert picture.startswith(folder)
        assert (ROOT / picture.removeprefix(folder)).is_file()


def test_it_says_where_it_is_published_and_for_which_python(described):
    urls = dict(line.split(", ", 1) for line in described.get_all("Project-URL"))
    assert {"Source", "Documentation", "Changelog", "Issues"} <= set(urls)
    assert all(urls[name].startswith(SOURCE) for name in ("Documentation", "Changelog", "Issues"))
    assert described["Requires-Python"] == PROJECT["requires-python"]


def test_the_wheel_is_whole(packages, tmp_path):
    with zipfile.ZipFile(packages[0]) as wheel:
        wheel.extractall(tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", "from donki_client.command import main; main()", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.endswith(" version 1.2.3\n")
    for folder in ("devices/donki", "clients/donki_client", "scripts"):
        top = Path("donki", "scripts") if folder == "scripts" else Path(Path(folder).name)
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (tmp_path / top / path.relative_to(ROOT / folder)).is_file(), path


def test_a_commit_after_the_tag_is_a_later_version(tagged, tmp_path):
    run("git", "clone", "--quiet", tagged, tmp_path / "clone", cwd=tmp_path)
    tree = tmp_path / "clone"
    run("git", *WHO, "commit", "--quiet", "--allow-empty", "--message", "more", cwd=tree)
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", version_of(tree))


def test_a_clone_without_tags_has_a_version_too(committed):
    assert re.fullmatch(r"1\.0\.0\.dev1\+g[0-9a-f]+", version_of(committed))


@pytest.mark.parametrize(("clone", "version"), [("tagged", "1.2.3"), ("committed", "1.0.0.dev0")])
def test_an_archive_without_history_has_a_version(request, tmp_path, clone, version):
    tree = request.getfixturevalue(clone)
    run("git", "archive", "--output", tmp_path / "tree.tar", "HEAD", cwd=tree)
    run("tar", "--extract", "--file", "tree.tar", cwd=tmp_path)
    assert version_of(tmp_path) == version


def test_a_wheel_comes_out_of_the_sdist(packages, tmp_path):
    with tarfile.open(packages[1]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    [wheel] = build(tmp_path / "donkiorchestra-1.2.3", "--wheel")
    assert wheel.name == packages[0].name


def test_rattler_build_takes_the_conda_recipe(monkeypatch):
    rattler_build = pytest.importorskip(
        "rattler_build", reason="the extra conda: pip install 'donkiorchestra[conda]'"
    )
    monkeypatch.setenv("DONKI_VERSION", "1.2.3")
    [variant] = rattler_build.Stage0Recipe.from_file(ROOT / ".conda" / "recipe.yaml").render()
    rendered = variant.recipe.to_dict()
    assert rendered["package"] == {"name": "donkiorchestra", "version": "1.2.3"}
    assert rendered["about"]["homepage"] == SOURCE
