"""Real disks that are full: the process that writes ends by itself, and its files hold what was done."""

import io
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from donki.limits import OnError
from donki_client.verify.check_data import check_data
from full_disk import MOMENTS
from helpers.orchestra import an_orchestra
from helpers.support import wait_until

STEP = os.environ.get("DONKI_DISK_STEP", "16384")
PROGRAM = Path(__file__).parents[2] / "full_disk.py"


def play(folder, limit, moments, *before):
    command = [*before, sys.executable, PROGRAM, folder, limit, ",".join(moments), "0", "65537", STEP]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("moment", MOMENTS)
def test_files_are_whole_whatever_size_they_may_have(moment, tmp_path):
    done = play(tmp_path, "rlimit", [moment])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compression", ["", ":gzip"])
def test_files_are_whole_whatever_is_left_of_a_disk(compression, tmp_path):
    # A user other than root may mount in a user namespace, where the system allows that.
    private = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    mount = [*private, "sh", "-c", f'mount -t tmpfs -o size=20m tmpfs {tmp_path} && exec "$@"', "sh"]
    moments = [moment + compression for moment in MOMENTS]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        done = play(tmp_path, "rlimit", moments)
    else:
        done = play(tmp_path, "tmpfs", moments, *mount)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["{run}_{player}.nxs", "{run}_{player}_{first:04d}.nxs"])
def orchestra(facility, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("full")
    files = folder / "files"
    files.mkdir()
    more = {"FileDirectory": str(files), "FileName": request.param, "FileTriggers": "3"}
    name = f"full-{request.param_index}"
    with an_orchestra(facility, folder, name, "x", on_error=OnError.SKIP, **more) as orchestra:
        orchestra.files = files
        orchestra.set("x", notes="", values={"v": list(range(4000))})
        yield orchestra


def limit_files(orchestra, size):
    pid = orchestra.children["x"].pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def query(orchestra, statement, *values):
    with closing(sqlite3.connect(f"file:{orchestra.journal}?mode=ro", uri=True)) as journal:
        return [value for (value,) in journal.execute(statement, values) if value]


@pytest.mark.parametrize(
    ("full", "size"),
    [((1, 5), 100), ((1, 30), 20_000), ((6, 30), 8_000), ((3, 12), 50_000), ((8, 12), 20_000)],
)
def test_a_player_that_skips_what_a_full_disk_refuses_leaves_what_it_did(full, size, orchestra):
    """The disk fills up at one trigger and has room again at another, of 30."""
    first, past = full
    director = orchestra.director
    orchestra.refresh()
    gates = {number: orchestra.gate("x", number) for number in full}
    director.Triggers = 30
    director.Start()
    for number, limit in zip(full, (size, resource.RLIM_INFINITY), strict=True):
        wait_until(f"trigger {number}", lambda number=number: director.CurrentTrigger == number)
        limit_files(orchestra, limit)
        gates[number].unlink()
    assert orchestra.ended_in_alarm() == "ON"
    run = director.RunId
    files = sorted(orchestra.files.glob(f"{run}_*"))
    assert list(director.SkippedTriggers) == [past - first]
    wait_until(
        "the run's end is noted", lambda: query(orchestra, "SELECT outcome FROM run WHERE id = ?", run)
    )
    noted = query(
        orchestra,
        "SELECT path FROM file JOIN player ON player.key = file.player JOIN run ON run.key = player.run"
        " WHERE run.id = ? ORDER BY path",
        run,
    )
    assert noted == list(map(str, files))
    assert sorted(orchestra.players["x"].Files) == list(map(str, files))
    output = io.StringIO()
    assert check_data(run, orchestra.journal.parent, Console(file=output, width=200)), output.getvalue()
