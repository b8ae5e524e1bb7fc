"""The command ``donki check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from donki_client.console.output import Console


@click.command(short_help="Check a scenario without starting anything.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--try",
    "tried",
    is_flag=True,
    help="Also play a few triggers on this machine, apart from what the file names. Executes the scripts.",
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of scenarios, for editors.")
def check(file: Path | None, tried: bool, schema: bool) -> None:
    """Check the scenario FILE without starting anything or executing its scripts.

    What is wrong is said with line and column. Then the sequence is played on a virtual clock: how long it
    takes, and what would be late. How long the actions take is known from the last run of the same scripts
    with the same parameters, or from what the file says (duration), or is measured with --try. The exit
    status is 0 only if the scenario can be played.
    """
    if schema:
        from donki_client.scenario.model import schema_text  # noqa: PLC0415

        click.echo(schema_text())
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    from donki_client.scenario.check import check_scenario  # noqa: PLC0415
    from donki_client.scenario.file import find_scenario  # noqa: PLC0415

    if not check_scenario(find_scenario(file), Console(), tried=tried):
        sys.exit(1)
