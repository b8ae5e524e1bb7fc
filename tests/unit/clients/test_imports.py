"""What a command imports before it needs it: PyTango, Kafka and HDF5 take a second together."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {"confluent_kafka", "h5py", "kafka", "matplotlib", "numpy", "scipy", "streaming_data_types", "tango"}

RUN = """
import contextlib, sys
from donki_client.command import main
sys.argv[0] = "donki"
with contextlib.suppress(SystemExit):
    main()
print("imported:", *sys.modules)
"""


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Return what a command prints, and which of the slow modules it has imported in the end."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, timeout=60, check=True
        )
        said, _, modules = done.stdout.rpartition("imported:")
        return said, SLOW & set(modules.split())

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("check", "loki.yaml"), "On a virtual clock: 140 triggers"),
        (("check", "faulty_night.yaml"), "On a virtual clock"),
        (("check", "--schema"), "json-schema.org"),
        (("run", "--help"), "Usage: donki run"),
        (("demo", "--help"), "Usage: donki demo"),
    ],
)
def test_what_talks_to_nobody_imports_nothing_slow(imported, arguments, expected):
    said, slow = imported(*arguments)
    assert expected in said
    assert not slow


def test_a_command_that_is_wrong_is_told_without_anything_slow(imported, tmp_path):
    script = tmp_path / "wrong.yaml"
    script.write_text("triggers: none\nplayers: {}\n")
    assert imported("check", str(script)) == ("", set())
    assert imported("run", str(script)) == ("", set())


@pytest.mark.parametrize("missing", ["bluesky", "event_model", "ophyd_async"])
def test_bluesky_without_its_extra_names_it(missing):
    told = f"import sys; sys.modules[{missing!r}] = None; from donki_client.bluesky import Orchestra"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: donki_client.bluesky needs {missing}")
    assert "pip install 'donkiorchestra[bluesky]'" in last
