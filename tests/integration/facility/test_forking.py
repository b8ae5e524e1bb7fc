"""A server that is forked has what a started one has: output, environment, signals, exit status, chance."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from donki.errors import DonkiError
from donki_client.facility.forking import MOST_SERVERS, ForkServers
from donki_client.facility.processes import Processes
from helpers.support import needs, wait_until

PROGRAM = """
import os, random, signal, sys, threading, time
import numpy

def main():
    print("arguments", *sys.argv[1:])
    print("variable", os.environ.get("DONKI_TRIED"), os.environ.get("DONKI_GONE"))
    print("folder", os.getcwd(), "group", os.getpgid(0) == os.getpid())
    print("signals", *(signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGCHLD)))
    print("threads", threading.active_count())
    print("chance", numpy.random.random(), random.random())
    print("product", (numpy.ones((300, 300)) @ numpy.ones((300, 300))).sum())
    print("ready", flush=True)
    if sys.argv[1] == "stay":
        time.sleep(60)
    sys.exit(int(sys.argv[2]))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A folder with the module `tried`, which is the current one."""
    (tmp_path / "tried.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fork_servers(program):
    servers = ForkServers(program / "servers.log")
    yield servers
    servers.stop()


def run(processes, name, *arguments, **environment):
    child = processes.start(name, [sys.executable, "-m", "tried", *arguments], environment)
    child.wait_for("ready", 30)
    return child


def parent_of(child):
    return int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[1])


def said(child, what):
    return [line for line in child.log.read_text().splitlines() if line.startswith(what)]


def test_a_forked_program_has_what_a_started_one_has(program, fork_servers, monkeypatch):
    monkeypatch.setenv("DONKI_GONE", "at first")
    with Processes(program, fork_servers) as processes:
        fork_servers.load(["tried"])
        monkeypatch.delenv("DONKI_GONE")
        children = [run(processes, f"c{n}", "end", str(n), DONKI_TRIED=f"v{n}") for n in (0, 7)]
        assert [child.wait(10) for child in children] == [0, 7]
        for n, child in zip((0, 7), children, strict=True):
            assert said(child, "arguments") == [f"arguments end {n}"]
            assert said(child, "variable") == [f"variable v{n} None"]
            assert said(child, "folder") == [f"folder {program} group True"]
            assert said(child, "signals") == ["signals True True"]
            assert said(child, "threads") == ["threads 1"]
            assert said(child, "product") == ["product 27000000.0"]
        first, second = (said(child, "chance")[0].split()[1:] for child in children)
        assert not set(first) & set(second)


def test_a_forked_program_ends_when_it_is_asked_or_killed(program, fork_servers):
    with Processes(program, fork_servers) as processes:
        asked, killed = run(processes, "asked", "stay", "0"), run(processes, "killed", "stay", "0")
        assert asked.is_alive
        asked.terminate()
        assert asked.wait(10) == -signal.SIGTERM
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait(10) == -signal.SIGKILL
        with pytest.raises(DonkiError, match="killed was ended by signal 9"):
            killed.check_alive()
        left = run(processes, "left", "stay", "0")
        assert left.wait(0) is None
    assert left.wait(0) == -signal.SIGTERM


def test_when_the_process_that_forks_dies_all_do_and_it_is_told(program, fork_servers):
    with Processes(program, fork_servers) as processes:
        child = run(processes, "child", "stay", "0")
        os.kill(parent_of(child), 9)
        wait_until("the child is gone", lambda: not child.is_alive, 5)
        with pytest.raises(DonkiError, match="the process that starts the servers has ended"):
            run(processes, "another", "stay", "0")


def test_where_the_environment_has_changed_another_process_forks(program, fork_servers, monkeypatch):
    """An import may change it, as that of blosc2; or whoever sets what Python reads when it begins."""
    (program / "elsewhere").mkdir()
    (program / "elsewhere" / "alone.py").write_text("def main():\n    print('ready', flush=True)\n")
    with Processes(program, fork_servers) as processes:
        before = run(processes, "before", "stay", "0")
        monkeypatch.setenv("PYTHONPATH", str(program / "elsewhere"))
        child = processes.start("alone", [sys.executable, "-m", "alone"])
        child.wait_for("ready", 30)
        assert child.wait(10) == 0
        after = run(processes, "after", "stay", "0")
        monkeypatch.delenv("PYTHONPATH")
        again = run(processes, "again", "stay", "0")
        assert parent_of(before) == parent_of(again) != parent_of(after) != os.getpid()
        assert all(child.is_alive for child in (before, after, again))


def test_only_so_many_environments_have_a_process_that_forks(program, fork_servers, monkeypatch):
    with Processes(program, fork_servers) as processes:
        parents = set()
        for number in range(MOST_SERVERS + 2):
            monkeypatch.setenv("SOME_LIBRARY", str(number))
            child = run(processes, f"c{number}", "stay", "0")
            parents.add(parent_of(child))
        assert len(parents) == MOST_SERVERS + 1
        assert parent_of(child) == os.getpid()


@pytest.mark.parametrize(
    ("variable", "is_forked"),
    [
        ("DONKI_TRIED", True),
        ("TANGO_HOST", True),
        ("PYTANGO_DATABASE_NAME", True),
        ("TANGO_TELEMETRY_ENABLE", False),
        ("MALLOC_ARENA_MAX", False),
    ],
)
def test_a_program_is_forked_only_where_its_variables_are_read_later(
    program, fork_servers, variable, is_forked
):
    with Processes(program, fork_servers) as processes:
        assert fork_servers.suitable({})
        assert bool(fork_servers.suitable({variable: "1"})) == is_forked
        child = run(processes, "c", "end", "0", **{variable: "1"})
        assert child.wait(10) == 0
        assert said(child, "product") == ["product 27000000.0"]


SERVERS = """
import sys
from pathlib import Path
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility

assert "tango" not in sys.modules
with LocalFacility(Path("facility")) as facility:
    facility.prepare()
    facility.start_database_and_broker()
    [player] = facility.start_servers(DeviceServer.player("forked", Path("just.py")))
    forks = facility._fork_servers._servers[0]._popen.pid
    for child in (*facility._base._children, player):
        status = Path(f"/proc/{child.pid}/status").read_text()
        print(child.name, f"PPid:\\t{forks}\\n" in status)
"""


def test_all_servers_are_forked_by_a_program_that_imports_tango_after_it_began_to_fork(program):
    """As the donki command does; PyTango sets variables of the environment when it is imported."""
    (program / "just.py").write_text("def action(trigger): pass\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYDEVD_")}
    done = subprocess.run(
        [sys.executable, "-c", SERVERS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    lines = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
    assert lines == ["True"] * 3, done


AGAIN = """
import os, signal, sys
from pathlib import Path
from donki_client.facility.forking import ForkServers
from donki_client.facility.processes import Processes

def run(processes, pid, what):
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    child = processes.start("again", [sys.executable, "-m", "tried", what, "3"])
    assert child.pid == pid, child.pid
    return child

server = ForkServers(Path("servers.log"))
server.load(["tried"])
with Processes(Path("."), server) as processes:
    # All is loaded, with the threads of that, when the first has ended.
    assert processes.start("first", [sys.executable, "-m", "tried", "end", "3"]).wait(30) == 3
    former = run(processes, 5000, "end")
    assert former.wait(30) == 3
    # The exit status of the former is there, or is still to be read.
    for former in (former, run(processes, 5001, "end")):
        while Path(f"/proc/{former.pid}").exists():
            pass
        child = run(processes, former.pid, "stay")
        child.wait_for("ready", 30)
        former.kill()
        assert child.is_alive and former.wait(30) == 3
        child.kill()
        assert child.wait(30) == -signal.SIGKILL and former.wait(30) == 3
server.stop()
print("told apart")
"""


def test_programs_that_get_the_same_pid_one_after_the_other_are_told_apart(program):
    """The kernel gives each pid again; in a namespace of their own one can say which is next."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
    needs(
        "the right to make namespaces of users and processes",
        subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0,
        "run on Linux with util-linux and user namespaces to give a pid twice",
    )
    done = subprocess.run(
        [*command, sys.executable, "-c", AGAIN], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout == "told apart\n", done.stderr


LATE_IMPORT = """
import os, sys
from pathlib import Path
from donki_client.facility.forking import ForkServers
servers = ForkServers(Path(sys.argv[1]))
servers.load(["tango"])
first = servers.suitable({})
import tango
suits = servers.suitable({"TANGO_HOST": "127.0.0.1:1"}) is first
servers.stop()
sys.exit(not suits)
"""


def test_a_program_is_forked_where_pytango_is_imported_after_the_process_that_forks_began(tmp_path):
    # PyTango sets variables when it is imported: this process has them already.
    fresh = {name: value for name, value in os.environ.items() if not name.startswith("PYDEVD")}
    command = [sys.executable, "-c", LATE_IMPORT, str(tmp_path / "servers.log")]
    assert subprocess.run(command, env=fresh, check=False, timeout=120).returncode == 0
