"""Starter launches both servers and controls them, as docs/how-to/beamline.rst says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import psutil
import pytest
import tango

from helpers.doc_examples import ROOT, SHELL, commands, examples
from helpers.support import wait_until
from helpers.tango_world import LIMIT, SERVERS, TangoWorld, admin, is_up, proxy_of, soon

PAGE = ROOT / "docs" / "how-to" / "beamline.rst"

#: What of the page's commands is about these servers and Starter.
FOLLOWED = ("--add-server", "StartDsPath", "LogFileHome", "logging_level", "logging_target")


class Administrator:
    """Somebody who follows the page on this host.

    Attributes
    ----------
    servers
        those of the page, with names that no other server of this machine has
    devices
        theirs, in the same order
    """

    def __init__(self, world: TangoWorld) -> None:
        self.world = world
        self._unique = f"page{world.address.port}"
        [program] = [text.text for text in examples(PAGE, "python") if "put_server_info" in text.text]
        self._program = self.here(program)
        self.servers = re.findall(r"Donki\w+/[\w-]+", self._program)
        self.devices: list[tango.DeviceProxy] = []

    def here(self, text: str) -> str:
        """Return a text of the page with the names of this host."""
        text = text.replace("HOST", self.world.host)
        text = text.replace("/var/log/tango", str(self.world.folder)).replace("/opt/donki/bin", str(SERVERS))
        return re.sub(r"\b(Donki\w+|donki/\w+)/(?=\w)", rf"\1/{self._unique}-", text)

    def follow_the_page(self) -> None:
        for command in (command for example in examples(PAGE, SHELL) for command in commands(example)):
            if set(FOLLOWED) & set(command):
                admin(self.world.address, *map(self.here, command[1:]))
        names = [f"donki/{server.lower().removeprefix('donki')}" for server in self.servers]
        self.devices = [proxy_of(self.world.address, name) for name in names]
        director = names[-1]
        admin(self.world.address, "--add-property", director, "RunDirectory", str(self.world.folder / "runs"))
        admin(
            *(self.world.address, "--add-property", director),
            *("PlayerDevices", f"donki/player/{self._unique}-*"),
        )
        self.world.starter.Init()
        self.world.launched += self.servers
        done = subprocess.run(
            [sys.executable, "-c", self._program],
            env={**os.environ, "TANGO_HOST": self.world.address.tango_host},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def are_up(self) -> None:
        for device in self.devices:
            wait_until(f"{device.dev_name()} answers", lambda device=device: is_up(device), LIMIT)

    def sees_controlled(self) -> None:
        """Astor's tree is this list: name, state, whether it is controlled, level, number of instances."""
        tree = [f"{name}\tON\t1\t{level}\t1" for name, level in zip(self.servers, (1, 1, 2), strict=True)]
        soon("Starter shows them all", lambda: set(tree) <= set(self.world.starter.Servers))


@pytest.fixture(scope="module")
def administrator(tmp_path_factory):
    with TangoWorld(tmp_path_factory.mktemp("starter")) as world:
        world.start_starter()
        administrator = Administrator(world)
        administrator.follow_the_page()
        administrator.are_up()
        yield administrator


def test_starter_controls_what_the_page_gives_it(administrator):
    administrator.sees_controlled()


def test_what_a_script_logs_is_in_the_file_that_the_page_names(administrator):
    detector = administrator.devices[0]
    detector.Script = "just_action.py"
    detector.Start()
    detector.Trigger("1")
    detector.Stop()
    log = administrator.world.folder / "detector.log"
    wait_until("the line", lambda: "trigger 1 done" in log.read_text())
    assert f'logger="{detector.dev_name()}"' in log.read_text()


def test_starter_starts_them_again_when_the_host_boots(administrator):
    world = administrator.world
    world.running_starter.kill()
    world.kill_launched()
    wait_until("they are gone", lambda: not any(map(is_up, administrator.devices)))
    world.boot()
    administrator.are_up()
    administrator.sees_controlled()


def test_sigterm_ends_what_starter_launched(administrator):
    processes = administrator.world.processes()
    assert len(processes) == len(administrator.servers)
    for process in processes:
        process.terminate()
    _, alive = psutil.wait_procs(processes, LIMIT)
    assert alive == []


def test_why_a_server_cannot_start_is_in_its_log(administrator):
    starter, unknown = administrator.world.starter, "DonkiPlayer/nobody"
    administrator.world.launched.append(unknown)
    starter.DevStart(unknown)

    def said():
        try:
            return f"{unknown} is not defined in database" in starter.DevReadLog(unknown)
        except tango.DevFailed:
            return False

    wait_until("its words", said, LIMIT)
