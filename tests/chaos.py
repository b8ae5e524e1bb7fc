"""Rounds of chaos by hand: ``python tests/chaos.py --rounds 500 --seed 1``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from brokers import BROKERS, new_broker
from ordeal.evidence import Pulses, runs_of
from ordeal.invariants import findings
from ordeal.plan import Kind, draw
from ordeal.play import Round
from ordeal.stage import Stage


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--broker", choices=BROKERS, default="embedded")
    parser.add_argument("--kinds", default="")
    given = parser.parse_args()
    kinds = [kind for kind in Kind if not given.kinds or kind.name.lower() in given.kinds.split(",")]
    folder = Path(tempfile.mkdtemp(prefix="donki-chaos-"))
    bad = 0
    numbers = [given.only] if given.only is not None else range(given.rounds)
    with new_broker(given.broker) as broker, Stage(folder, broker) as stage:
        pulses = Pulses(stage)
        for number in numbers:
            plan = draw(given.seed, number, kinds)
            began = time.monotonic()
            stage.prepare(plan)
            t1 = time.monotonic()
            record = Round(stage, plan).play()
            t2 = time.monotonic()
            runs = runs_of(stage, plan, pulses)
            found = findings(stage, record, runs)
            t3 = time.monotonic()
            sizes = " ".join(f"{n}:{s.threads}/{s.files}" for n, s in stage.sizes().items())
            print(
                number,
                "ok" if not found else "BAD",
                f"{t1 - began:.2f} {t2 - t1:.2f} {t3 - t2:.2f}",
                record.state,
                [(r.outcome, len(r.triggers), r.wanted) for r in runs],
                ", ".join(plan.kinds),
                sizes,
                flush=True,
            )
            if found:
                bad += 1
                print(plan)
                print(
                    "  LastError",
                    record.last_error,
                    "recovered",
                    record.recovered,
                    "down",
                    [((b - record.began) / 1e9, (e - record.began) / 1e9) for b, e in record.down],
                )
                for r in runs:
                    print("   steps", [tuple(s[:4]) for s in r.steps if s.outcome != "done" or s.attempt > 1])
                for f in found[:12]:
                    print("   ", f)
                for call in record.calls:
                    if call.name != "State" or call.reason:
                        print(
                            "     ",
                            f"{(call.called - record.began) / 1e9:.3f} {(call.returned - record.began) / 1e9:.3f}",
                            call.name,
                            call.reason,
                            call.said[:200],
                        )
        pulses.close()
    print("bad", bad)
    return bad


if __name__ == "__main__":
    sys.exit(main())
