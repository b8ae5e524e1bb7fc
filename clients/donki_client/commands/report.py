"""The command ``donki report``."""

from __future__ import annotations

from pathlib import Path

import click

from donki_client.commands import options
from donki_client.console.output import Console


@click.command(short_help="Print how a run went: lateness, times, counts.")
@click.argument("run", default="")
@options.directory
@options.director
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw it too: .png, .pdf, .svg.",
)
def report(run: str, directory: Path | None, director: str | None, picture: Path | None) -> None:
    """Print what was recorded of a run: its triggers, how late they were, what each Player did and how long.

    RUN is an id or its beginning; by default the newest run.
    """
    if directory and director:
        raise click.UsageError("--directory and --director both say where the journal is; give one.")
    from donki_client.report.report import journal_directory, print_report  # noqa: PLC0415

    print_report(run, directory or journal_directory(director), picture, Console())
