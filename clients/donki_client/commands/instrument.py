"""The command ``donki instrument``."""

from __future__ import annotations

from pathlib import Path

import click

from donki_client.console.output import Console, printable


@click.command(short_help="Make a scenario of all streams of an instrument.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the scenario and a copy of FILE go.  [default: the current folder]",
)
@click.option("--overwrite", is_flag=True, help="Write over a scenario that is there already.")
def instrument(file: Path, directory: Path, overwrite: bool) -> None:
    """Make a scenario that plays all streams of an instrument.

    FILE describes the instrument: a NeXus file as ESS file writers leave it, a nexus_structure in JSON, or
    the bundled loki_like.nxs. A bundled script plays each stream that it declares: detectors, monitors,
    choppers, motors, sample environment. What cannot be played is listed with the reason. The scenario is
    there to be changed; donki check and donki run take it as any other.
    """
    from donki_client.instrument.write import find_description, write_scenario  # noqa: PLC0415

    console = Console()
    scenario = write_scenario(find_description(file), directory, console, overwrite=overwrite)
    console.print(f"Written: {printable(scenario)}", soft_wrap=True)
    console.print(f"donki check {printable(scenario)}\ndonki run {printable(scenario)}", soft_wrap=True)
