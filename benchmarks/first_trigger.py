"""What the first trigger of a run costs in a fresh Player, beside those that follow.

Each round is a process of its own, with the in-memory broker and NeXus files: ms of wall time and of CPU time
of the first trigger, of the second, and the median of the others.

    python benchmarks/first_trigger.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from donki_client.facility.local import LocalFacility

SCRIPT = """
import numpy as np
counts = np.arange(1000, dtype=np.int32)
def setup(player):
    global panel
    panel = player.events("first_trigger", "panel")
def action(trigger, player):
    player.rng(trigger)
    panel.send(trigger, counts, counts)
    return {"temperature": 1.5}
"""

PLAYER = """
import json, sys, time
from pathlib import Path
import donki.player.device
from donki.player.runs.script_runner import ScriptRunner
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
broker, client, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
script_runner = ScriptRunner(Player("p"), lambda run: RunOutput(
    "p", run, brokers=[broker], kafka_client=client, values_topic="first_values", file_directory=folder))
script_runner.loader.load(folder, "script.py")
script_runner.start(Run.new())
times = []
for number in range(1, 31):
    cpu = time.process_time()
    duration = script_runner.trigger(Trigger(number, time.time_ns())).duration
    times.append((duration * 1e3, (time.process_time() - cpu) * 1e3))
    time.sleep(0.01)
script_runner.stop()
print(json.dumps(times))
"""


def measure(broker: str, client: str, folder: Path) -> list[list[float]]:
    command = [sys.executable, "-c", PLAYER, broker, client, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, LocalFacility(Path(name)) as facility:
        (Path(name) / "script.py").write_text(SCRIPT)
        broker = str(facility.start_broker())
        for client in ("kafka-python", "confluent-kafka"):
            runs = [measure(broker, client, Path(name)) for _ in range(rounds)]
            for kind, which in (("wall", 0), ("CPU", 1)):
                first, second = (statistics.median(run[n][which] for run in runs) for n in (0, 1))
                later = statistics.median(time[which] for run in runs for time in run[2:])
                print(
                    f"{client:<16}{kind:<5} first {first:6.1f}  second {second:6.1f}  later {later:6.1f} ms"
                )


if __name__ == "__main__":
    main()
