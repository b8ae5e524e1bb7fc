"""Rounds of chaos: short sequences, with random faults at random moments, and what must hold whatever happens.

    python tests/chaos.py --rounds 500 --seed 1

plays 500 rounds, in about twenty minutes: players, Director, broker and Tango database are killed, silenced and
restarted, scripts raise anything, hang, give what cannot be kept and end their process, disks fill up, clocks are set,
the journal is deleted, an operator pauses, stops, aborts, changes priorities and has the Director initialised.
After each round the invariants (`helpers.chaos.invariants`) are checked from the journal, from what the Players wrote
down themselves, and from what stands in Kafka and in the NeXus files. It ends with a table, and with exit status 0
only if everything held.

A round that failed is printed with its faults. It is played again alone, with the same faults at the same moments,
by

    python tests/chaos.py --seed 1 --only ROUND

``--together bc`` puts the Players b and c into one server. ``--section bc`` has them play in a section, which is
killed and silenced as a Player is, and whose journal is checked as the Director's. ``--hosts`` puts each server but
the Director's on a host of its own: a network namespace with its own Starter, whose cable is cut, and that is killed
and boots again; this needs root, and what ``tests/integration/test_scenario_hosts.py`` needs. All three can be
combined.

``--broker apache`` takes a genuine Apache Kafka, where what was acknowledged outlives the broker; with ``--hosts``
it is the one in memory. ``--kinds`` takes names of `helpers.chaos.plan.Kind`, as in
``--kinds player_killed,director_killed``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from helpers.brokers import BROKERS
from helpers.chaos.campaign import Result, Tally, play_rounds
from helpers.chaos.invariants import Violation
from helpers.chaos.layout import Layout
from helpers.chaos.plan import Kind
from helpers.chaos.scenery import a_stage


def table(tally: Tally) -> Table:
    """Return what came of the rounds."""
    lost, twice = tally.ills[Violation.LOST], tally.ills[Violation.TWICE]
    others = sum(tally.ills.values()) - lost - twice + len(tally.leaks)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(tally.outcomes.items()))
    shown = Table(
        title=f"{tally.rounds} rounds of chaos",
        caption=f"runs: {outcomes}; {tally.recovered} recovered. {tally.triggers} triggers complete, "
        f"{tally.marked} turns acted again and marked. {tally.commands} commands answered, "
        f"the slowest in {tally.slowest:.2f} s. Lost: {lost}; twice without a mark: {twice}; else: {others}.",
    )
    shown.add_column("fault")
    shown.add_column("tried", justify="right")
    shown.add_column("survived", justify="right")
    for kind in Kind:
        if tally.tried[kind]:
            shown.add_row(kind, str(tally.tried[kind]), str(tally.survived[kind]))
    return shown


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--only", type=click.IntRange(min=0), help="Play this round alone.")
@click.option(
    "--broker", "broker_kind", type=click.Choice(list(BROKERS)), default="embedded", show_default=True
)
@click.option("--together", default="", help="Names of Players that share a server, as in abc.")
@click.option("--section", default="", help="Names of Players that play in a section, as in bc.")
@click.option("--hosts", is_flag=True, help="Have each server on a host of its own. Needs root.")
@click.option("--kinds", default="", help="Names of faults, separated by commas; by default all.")
def main(
    rounds: int,
    seed: int,
    only: int | None,
    broker_kind: str,
    together: str,
    section: str,
    hosts: bool,
    kinds: str,
) -> None:
    """Play rounds of chaos."""
    console = Console(highlight=False)
    chosen = [Kind[name.strip().upper()] for name in kinds.split(",") if name] or list(Kind)
    numbers = range(rounds) if only is None else [only]
    began = time.monotonic()

    def tell(result: Result) -> None:
        seconds = time.monotonic() - began
        held = "held" if not result.found else "FAILED"
        console.print(f"{seconds:7.1f} s  round {result.plan.number}  {held}  {', '.join(result.plan.kinds)}")
        if result.found or only is not None:
            console.print(str(result), markup=False, soft_wrap=True)

    folder = Path(tempfile.mkdtemp(prefix="donki-chaos-"))
    layout = Layout(together, section, hosts)
    with a_stage(folder, layout, broker_kind) as stage:
        tally = play_rounds(stage, seed, numbers, chosen, tell)
    for leak in tally.leaks:
        console.print(f"left behind: {leak}")
    console.print(table(tally))
    console.print(
        f"seed {seed}, {broker_kind} broker, {time.monotonic() - began:.0f} s; files are in {folder}"
    )
    sys.exit(bool(tally.failed or tally.leaks))


if __name__ == "__main__":
    main()
