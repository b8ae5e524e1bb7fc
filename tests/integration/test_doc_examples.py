"""The examples of README.rst and docs, played as written but for addresses, numbers and what is installed.

All pages share a Director with its database, a broker, and a folder in which files are kept as by a reader.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from donki_client import Director
from donki_client.address import Address
from donki_client.facility.servers import connect
from helpers.doc_examples import AT_THE_PROMPT, PROMPT, README, ROOT, SHELL, Example, commands, examples
from helpers.donki_command import Command, press_ctrl_c, read_until
from helpers.support import free_port, needs, wait_until

DOCS = ROOT / "docs"

#: What a reader waits for longer than a test.
SHORTER = {
    "triggers=100": "triggers=5",
    "triggers: 140": "triggers: 5",
    "events: 50000": "events: 500",
    "--seconds 60": "--seconds 1",
    "step_triggers, 14": "step_triggers, 2",
    "motor, 0, 1, 11": "motor, 0, 1, 3",
    'readable_storage="/data"': 'readable_storage="."',
}

#: Examples that install something, and what needs a program or a window of which there may be none.
INSTALLS = re.compile(r"pip install|^\. |apt-get")
NOT_PLAYED = re.compile(r"donki panel|kcat ")


class Reader:
    """Someone who follows a page at the keyboard."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.database = Address("127.0.0.1", free_port())
        self.broker = f"localhost:{free_port()}"
        self._stack = stack
        self._command = Command(folder / "data")
        self._command.set("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        self._prompt: subprocess.Popen[str] | None = None
        self._running: dict[str, subprocess.Popen[str]] = {}

    @property
    def director(self) -> Director:
        return Director("donki/director/1", database=self.database)

    def follow(self, page: Path, *languages: str) -> None:
        for example in examples(page, *languages):
            text = self._here(example.text)
            if example.caption:
                self.save(example.caption, text)
            elif example.language == SHELL:
                self.shell(text)
            elif example.language == AT_THE_PROMPT:
                self._at_the_prompt(text)

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(self._here(text))

    def start_player(self, name: str, script: str) -> None:
        self.shell(f"donki player {name} {self.database} {script}")

    def python(self, page: Path) -> str:
        """Run all of a page's Python as one program, and return what it prints."""
        text = "\n".join(self._here(example.text) for example in examples(page, "python"))
        return self.run([sys.executable, "-c", text])

    def run(self, command: list[str] | str) -> str:
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            cwd=self.folder,
            env=self._command._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _here(self, text: str) -> str:
        text = text.replace("localhost:50010", str(self.database))
        text = re.sub(r"(localhost|kafka\.example\.org):9092", self.broker, text)
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        return re.sub(r"\b20261122T\w+", lambda _: self.director.run_id[:20], text)

    def shell(self, text: str) -> None:
        if INSTALLS.search(text):
            return
        if "|" in text:
            self.run(text)
            return
        for words in commands(Example(README, 0, SHELL, "", text)):
            line = " ".join(words)
            if NOT_PLAYED.search(line):
                continue
            match words:
                case ["donki", "director", *_]:
                    self._open_prompt(words)
                case ["donki", "broker"]:
                    self._start("broker", [*words, "--port", self.broker.partition(":")[2]], "Ctrl-C ends it")
                case ["donki", "player", name, *_]:
                    self._start(name, words, "Ctrl-C ends it")
                    wait_until(f"{name} is found", lambda name=name: self._state(name) == "ON", 30)
                case ["donki", "record" | "replay" | "check-data", *_] if "--broker" not in words:
                    self.run([*words, "--broker", self.broker])
                case _:
                    self.run(words)

    def _open_prompt(self, words: list[str]) -> None:
        if self._prompt:
            return
        self._prompt = self._begin(words)
        read_until(self._prompt, "Director: donki/director/1")

    def _start(self, name: str, words: list[str], until: str) -> None:
        if name == "broker" and name in self._running:
            return
        if before := self._running.pop(name, None):
            press_ctrl_c(before)
            before.wait(30)
        if name == "broker":
            self._command.set("DONKI_BROKER", self.broker)
        else:  # as where the broker is elsewhere
            device = f"donki/player/{name}"
            connect(self.database).put_device_property(device, {"KafkaBrokers": [self.broker]})
        self._running[name] = self._begin(words)
        read_until(self._running[name], until)

    def _begin(self, words: list[str]) -> subprocess.Popen[str]:
        return self._stack.enter_context(self._command.running(*words[1:], folder=self.folder))

    def _state(self, player: str) -> str:
        return next((found.state for found in self.director.players if found.name == player), "")

    def _at_the_prompt(self, text: str) -> None:
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if not line.startswith(PROMPT):
                continue
            print(line.removeprefix(PROMPT), file=self._prompt.stdin, flush=True)
            answers = [answer.rstrip() for answer in lines[number + 1 :]]
            shown = answers[: next((n for n, a in enumerate(answers) if a.startswith(PROMPT)), len(answers))]
            for expected in filter(None, shown):
                assert self._prompt.stdout.readline().split() == expected.split()
            if not shown:
                self._answered(line.removeprefix(PROMPT))

    def _answered(self, typed: str) -> None:
        last = "after trigger" if typed == "start" else typed.partition("=")[0].partition("[")[0]
        for line in self._prompt.stdout:
            assert not line.startswith(("line ", "failed")), line
            if last in line:
                assert "stopped" not in line
                return


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    (folder / "scripts").symlink_to(ROOT / "scripts")
    (folder / "clients").symlink_to(ROOT / "clients")
    with ExitStack() as stack:
        reader = Reader(folder, stack)
        [scenario] = examples(README, "yaml")
        reader.save("mine.yaml", scenario.text)
        reader.follow(README, SHELL, AT_THE_PROMPT)
        yield reader


@pytest.mark.timeout(300)
def test_readme(reader):
    assert reader.director.current_trigger == 5
    assert list(reader.folder.glob("data/*_detector.nxs"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page",
    [
        "tutorials/first_steps.rst",
        "tutorials/own_experiment.rst",
        "how-to/scenarios.rst",
        "how-to/instrument.rst",
        "how-to/record_replay.rst",
        "how-to/faults.rst",
    ],
)
def test_page(reader, page):
    followed = ("yaml", "python") if page.startswith("tutorials") else ()
    reader.follow(DOCS / page, SHELL, AT_THE_PROMPT, *followed)


@pytest.mark.timeout(300)
def test_python(reader):
    reader.start_player("camera", "scripts/just_action.py")
    said = reader.python(DOCS / "how-to" / "python.rst")
    assert re.match(r"5 \d+ 2\S+\n", said)


@pytest.mark.timeout(500)  # on a busy machine tiled takes a minute to start
def test_bluesky(reader):
    needs("tiled", find_spec("tiled"), "pip install 'donkiorchestra[tiled]'")
    place = {"FileDirectory": [str(reader.folder)]}
    connect(reader.database).put_device_property("donki/player/detector", place)
    reader.start_player("detector", "scripts/run_player_0.py")
    reader.python(DOCS / "how-to" / "bluesky.rst")
    assert reader.director.current_trigger == 2 * 3


@pytest.mark.timeout(300)
def test_action_scripts(reader):
    """All of them are Players of one run, in a folder with what they read."""
    folder = reader.folder / "scripts-of-mine"
    folder.mkdir()
    for name in ("psd.dat", "tof.dat"):
        shutil.copy(ROOT / "scripts" / "mcstas" / name, folder)
    reader.shell(f"donki record test-topic-0 {folder}/topics.h5 --from beginning --seconds 1")
    scripts = examples(DOCS / "how-to" / "action_scripts.rst", "python")
    players = {}
    for number, script in enumerate(scripts, 1):
        action = "" if "def action" in script.text else "\ndef action(trigger): ...\n"
        reader.save(f"{folder.name}/script_{number}.py", script.text + action)
        players[f"p{number}"] = {"script": f"script_{number}.py"}
    assert len(players) >= 5
    reader.save(f"{folder.name}/mine.yaml", yaml.safe_dump({"triggers": 3, "players": players}))
    reader.run(f"donki run {folder.name}/mine.yaml")


#: What the page about files reads, and what a reader sees of it.
FILES = """
triggers: 5
hdf5: {folder: ., triggers: 3}
players: {detector: {script: panel.py}}
"""
PANEL = """
import numpy as np

def setup(player):
    global stream
    stream = player.events(
        "my-topic",
        "panel",
        detector_number=np.arange(1, 9),
        x_pixel_offset=np.arange(8),
        y_pixel_offset=np.zeros(8),
        position=(0, 0, 2),
    )

def action(trigger, player):
    stream.send(trigger, np.arange(8) * 1000, np.arange(1, 9))
"""
RUN = "20261122T101500Z-3f9a61c07be2d845"
SEEN = (
    'print(panel["panel_events"].bins.size().values)',
    'print(pixels.bins.size().values, pixels.coords["position"].values[1])',
    f'pulses = follow("{RUN}_detector.nxs", "panel")\nprint(next(pulses), next(pulses))',
    "print(events.bins.size().values)",
)


@pytest.mark.timeout(300)
def test_files(reader):
    folder = reader.folder / "files"
    folder.mkdir()
    reader.save("files/files.yaml", FILES)
    reader.save("files/panel.py", PANEL)
    reader.run("donki run files/files.yaml")
    [file] = folder.glob("*_detector.nxs")
    run = file.name.removesuffix("_detector.nxs")
    programs = examples(DOCS / "how-to" / "files.rst", "python")
    said = []
    for program, seen in zip(programs, SEEN, strict=True):
        text = (program.text + seen).replace(RUN, run)
        # The master file's links lead from where it is.
        text = text.replace(f'"{run}.nxs"', f'"../data/donkiorchestra/runs/{run}.nxs"')
        (folder / "seen.py").write_text(text)
        said += reader.run("cd files && python seen.py").splitlines()
    # Three triggers are in the first file, two in the second; each has an event in each pixel.
    pixels = "[1 2 3 4 5 6 7 8]"
    assert said == [
        "[3 3 3 3 3 3 3 3]",
        "[3 3 3 3 3 3 3 3] [1. 0. 2.]",
        f"{pixels} {pixels}",
        "[5 5 5 5 5 5 5 5]",
    ]
