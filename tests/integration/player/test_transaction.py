"""Scripts that send, return and raise at random in a real run, with every policy: all agrees with a model.

More triggers: ``DONKI_CASES=200 pytest tests/integration/player/test_transaction.py --timeout 0``.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import h5py
import pytest

from helpers.donki_command import Command

TRIGGERS = int(os.environ.get("DONKI_CASES", "15"))
SCRIPT = Path(__file__).parents[1] / "scripts" / "random_acts.py"
POLICIES = {
    "skipping": ("SKIP", {"fails": 0.4, "failures": 9}),
    "retrying": ("RETRY", {"fails": 0.5, "failures": 2}),
    "disabled": ("DISABLE", {"fails": 0.15, "failures": 9}),
}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("random_acts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected(script, parameters, name, policy):
    """Return the rows of a Player's file by column, and the triggers that it has done."""
    events, series, alarms, done = [], [], [], []
    for number in range(1, TRIGGERS + 1):
        for attempt in range(1, 4 if policy == "RETRY" else 2):
            steps, raised, bad = script.plan(parameters, name, number, attempt)
            if raised is None and not bad:
                events += [number] * sum(count for kind, count in steps if kind == "events")
                series += [float(number)] * sum(kind == "series" for kind, _ in steps)
                alarms += [f"trigger {number}"] * sum(kind == "alarm" for kind, _ in steps)
                done.append(number)
                break
        else:
            if policy in ("DISABLE", "ABORT"):
                break
    return {"events": events, "series": [*series, -1.0], "alarms": alarms, "done": done}


def stored(path, name):
    with h5py.File(path) as root:
        instrument, values = root["entry/instrument"], root.get(name, {})
        log = instrument[f"{name}_T"]
        return {
            "events": list(instrument[f"{name}_bank/{name}_bank_events/event_time_offset"]),
            "series": list(log["value"]),
            "alarms": list(log["alarm_message"].asstr()) if "alarm_message" in log else [],
            "done": list(values["number"]) if "number" in values else [],
        }


def play(tmp_path, seed, policies):
    players = "".join(
        f"  {name}: {{script: random_acts.py, on_error: {policy}, values_topic: values,"
        f"{' retries: 3,' if policy == 'RETRY' else ''}"
        f" parameters: {{seed: {seed}, fails: {said['fails']}, failures: {said['failures']}}}}}\n"
        for name, (policy, said) in policies.items()
    )
    (tmp_path / "random_acts.py").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "hdf5").mkdir()
    scenario = tmp_path / "random.yaml"
    scenario.write_text(f"triggers: {TRIGGERS}\nhdf5: hdf5\nplayers:\n{players}")
    return Command(tmp_path / "data").run("run", str(scenario))


def agrees(tmp_path, script, seed, name, policy, said):
    [path] = (tmp_path / "hdf5").glob(f"*_{name}.nxs")
    assert stored(path, name) == expected(script, {"seed": seed, **said}, name, policy)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_random_scripts_did_is_what_is_there(tmp_path, script, seed):
    done = play(tmp_path, seed, POLICIES)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    events = 0
    for name, (policy, said) in POLICIES.items():
        agrees(tmp_path, script, seed, name, policy, said)
        events += len(expected(script, {"seed": seed, **said}, name, policy)["events"])
    assert f"all {events:,} events and " in done.stdout, done.stdout


def test_a_run_that_is_aborted_has_what_was_done(tmp_path, script):
    policies = {"aborting": ("ABORT", {"fails": 0.2, "failures": 9})}
    done = play(tmp_path, 3, policies)
    assert done.returncode == 1
    assert re.search(r"the sequence failed: Player aborting, trigger \d+: ", done.stdout + done.stderr)
    agrees(tmp_path, script, 3, "aborting", *policies["aborting"])
