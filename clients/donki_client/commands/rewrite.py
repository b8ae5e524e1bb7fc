"""The command ``donki rewrite``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from donki_client.commands import options
from donki_client.console.output import Console


@click.command("rewrite", short_help="Have a file writer write a run again.")
@click.argument("run", default="")
@click.option(
    "--topic", default="", help="Where file writers are told of runs.  [default: where they were of this one]"
)
@click.option(
    "--file",
    "file_name",
    default="",
    help="The new file, under the file writer's folder.  [default: RUN_rewritten_TIME.nxs]",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="How long the file writer may take.",
)
@click.option("--no-wait", is_flag=True, help="Send the job, and do not wait for the file writer.")
@options.broker("Where the data are, and the topic.  [default: where the Players sent to]")
@options.kafka_options
@options.directory
@options.director
def rewrite(
    run: str,
    topic: str,
    file_name: str,
    timeout: float,
    no_wait: bool,
    broker: str | None,
    kafka_options: str,
    directory: Path | None,
    director: str | None,
) -> None:
    """Have an ESS file writer write a run again, from what stands in Kafka.

    RUN is an id or its beginning; by default the newest run. It is refused where Kafka does not have all of
    the run any more. The exit status is 0 only if the file is written or, with --no-wait, the job is sent.
    """
    if directory and director:
        raise click.UsageError("--directory and --director both say where the journal is; give one.")
    from donki_client.report.report import journal_directory  # noqa: PLC0415
    from donki_client.rewrite.rewrite import rewrite as again  # noqa: PLC0415
    from donki_client.topics.kafka_options import read_kafka_options  # noqa: PLC0415

    done = again(
        run,
        directory or journal_directory(director),
        Console(),
        broker=broker,
        options=read_kafka_options(kafka_options),
        topic=topic,
        file_name=file_name,
        limit=None if no_wait else timeout,
    )
    if not done:
        sys.exit(1)
