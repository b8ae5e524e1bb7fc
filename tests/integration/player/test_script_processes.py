"""Processes that action scripts start, in two Players of one server with one script."""

from __future__ import annotations

import json
import os
import signal

import psutil
import pytest

from donki_client.facility.device_server import DeviceServer, ServedDevice
from helpers.donki_command import all_gone
from helpers.orchestra import one_server
from helpers.support import refused, wait_until

SCRIPT = """
import multiprocessing, os, pty, threading, time
from concurrent.futures import ProcessPoolExecutor
import beside

mine = 0
kept = None
left = []

def square(x):
    return x * x

def forever():
    while True:
        time.sleep(1)

class Point:
    def __init__(self, x):
        self.x = x

def setup():
    global mine
    mine += 1

def action(trigger, player):
    global kept
    how, _, kind = player.parameters["how"].partition(" ")
    context = multiprocessing.get_context(kind) if kind else multiprocessing
    if how == "Pool":
        with context.Pool(2) as pool:
            got = pool.map(square, range(10)) + pool.map(beside.cube, range(3))
    elif how == "ProcessPoolExecutor":
        with ProcessPoolExecutor(2, mp_context=context if kind else None) as pool:
            got = [*pool.map(square, range(10)), *pool.map(beside.cube, range(3))]
            assert pool.submit(Point, 3).result().x == 3
    elif how == "Process":
        queue = context.Queue()
        process = context.Process(target=beside.put, args=(queue, square))
        process.start()
        got = queue.get(timeout=60)
        process.join()
    elif how == "kept":
        kept = kept or ProcessPoolExecutor(1)
        got = [*kept.map(square, range(10)), *kept.map(beside.cube, range(3))]
    elif how == "left":
        left.append(context.Process(target=forever))
        left[-1].start()
        return
    elif how == "thread":
        left.append(context.Process(target=forever))
        thread = threading.Thread(target=left[-1].start)
        thread.start()
        thread.join()
        return
    elif how == "fork":
        if os.fork() == 0:
            os._exit(0)
    elif how == "pty":
        if pty.fork()[0] == 0:
            os._exit(0)
    assert sum(got) == 285 + 9, got
    return {"mine": mine}
"""

BESIDE = """
def cube(x):
    return x ** 3

def put(queue, square):
    queue.put([*map(square, range(10)), *map(cube, range(3))])
"""

PROGRAMS = ["Pool", "ProcessPoolExecutor", "Process"]


@pytest.fixture(scope="module")
def start(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "beside.py").write_text(BESIDE)
    properties = {"ScriptPath": str(folder)}

    def start(name):
        servers = [
            DeviceServer(
                "DonkiPlayer",
                "donki.player.device",
                name,
                (ServedDevice(f"donki/player/{name}-{number}", properties, {"Script": "script.py"}),),
            )
            for number in (1, 2)
        ]
        return one_server(facility, servers)

    return start


@pytest.fixture(scope="module")
def the_players(start):
    with start("processes") as players:
        for player in players:
            player.set_timeout_millis(60_000)
        yield players


@pytest.fixture
def players(the_players):
    for player in the_players:
        wait_until("it is ready", lambda player=player: str(player.state()) != "RUNNING", 30)
        player.Stop()
        player.Reset()
    return the_players


def play(player, how, triggers=1):
    player.Parameters = json.dumps({"how": how})
    player.Start()
    for trigger in range(1, triggers + 1):
        player.Trigger(str(trigger))


def player_pid(player):
    return player.get_device_db().get_device_info(player.dev_name()).pid


def workers(player):
    """Return the processes that scripts have started; not those that Python keeps for them."""
    server = psutil.Process(player_pid(player))
    found = []
    for child in server.children(recursive=True):
        words = " ".join(child.cmdline())
        is_kept = "resource_tracker" in words or ("forkserver" in words and child.ppid() == server.pid)
        if words and not is_kept:
            found.append(child)
    return found


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("kind", ["", " spawn", " forkserver"])
def test_what_works_works_for_two_players_with_one_script(players, program, kind):
    for player in players:
        play(player, program + kind, 2)
    for player in players:
        player.Stop()
    wait_until("no worker is left", lambda: not workers(players[0]))


@pytest.mark.parametrize("how", [*(f"{program} fork" for program in PROGRAMS), "fork", "pty"])
def test_fork_is_refused_where_it_is_used_with_the_remedy(players, how):
    for player in players:
        said = refused(play, player, how)
        assert "script.py, line" in said
        assert "fork is refused" in said
        assert 'use multiprocessing.get_context("spawn")' in said


def test_an_executor_that_the_script_keeps_is_there_in_the_next_run_until_reload(players):
    player = players[0]
    play(player, "kept")
    player.Stop()
    (worker,) = workers(player)
    play(player, "kept")
    player.Stop()
    assert worker.is_running()
    player.Reload()
    wait_until("its worker is gone", lambda: all_gone([worker]))


@pytest.mark.parametrize("how", ["left", "left forkserver"])
def test_what_a_script_leaves_is_ended_at_stop_and_named(players, how):
    one, other = players
    play(one, how)
    play(other, how)
    one.Stop()
    assert "processes that it had left were ended: " in one.LastLog
    assert len(workers(one)) == 1
    other.Stop()
    assert not workers(one)


def test_workers_inherit_no_socket_of_the_server(players):
    player = players[0]
    play(player, "left")
    server = psutil.Process(player_pid(player))
    listening = {link.laddr for link in server.net_connections() if link.status == psutil.CONN_LISTEN}
    assert listening
    for child in server.children(recursive=True):
        assert not listening & {link.laddr for link in child.net_connections()}
    player.Stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_server(start, number):
    with start(f"ended-{number.value}") as players:
        pid = player_pid(players[0])
        play(players[0], "left")
        play(players[1], "left forkserver")
        players[1].Parameters = json.dumps({"how": "thread"})
        players[1].Trigger("2")
        server = psutil.Process(pid)
        children = server.children(recursive=True)
        assert len(children) >= 5  # three workers, and what Python keeps for them
        os.kill(pid, number)
        wait_until("all are gone", lambda: all_gone(children), 20)
        wait_until("the server is gone", lambda: all_gone([server]), 20)
