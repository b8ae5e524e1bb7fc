"""What ``donki deploy`` does: reads the scenario, compares, shows and applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click
from rich.console import Console

from donki.errors import InputError
from donki.streams.kafka.brokers import parse_brokers
from donki.texts import visible
from donki_client.address import Address
from donki_client.console.output import printable
from donki_client.deploy.deployment import read_deployment
from donki_client.deploy.target import Plan, Settings
from donki_client.deploy.targets import find_target
from donki_client.environment import named
from donki_client.scenario.file import find_scenario, instance_name, read_scenario
from donki_client.scenario.model import Scenario, changed_throughout


def plan_deployment(
    file: Path,
    target_name: str,
    *,
    output: Path | None = None,
    database: str | None = None,
    broker: str | None = None,
    prefix: PurePosixPath | None = None,
    state: PurePosixPath | None = None,
    image: str = Settings.image,
    environment: Mapping[str, str],
) -> Plan:
    """Return what is to be done to deploy a scenario; nothing is changed yet.

    Parameters
    ----------
    file
        the scenario, or the name of a bundled one
    target_name
        what it is deployed to
    output, database, broker, prefix, state, image
        the options of the command; None: not given
    environment
        where ``TANGO_HOST`` counts if neither the options nor the scenario name a database

    Raises
    ------
    DonkiError
        when it cannot be deployed so; names what prevents it
    """
    target = find_target(target_name)
    file = find_scenario(file)
    scenario = read_scenario(file)
    layout = target.layout(instance_name(file))
    for option, folder in (("prefix", prefix), ("state", state)):
        if folder is not None and not folder.is_absolute():
            raise InputError(f"--{option} {folder}: name an absolute folder, such as /opt/donki")
    layout = replace(layout, prefix=prefix or layout.prefix, state=state or layout.state)
    if broker:
        parse_brokers(broker)
    if target.has_database:
        scenario = changed_throughout(scenario, _without_database)
    deployment = read_deployment(scenario, file, layout, broker or target.broker)
    address = database or scenario.database or named(environment, "TANGO_HOST")
    return target.plan(deployment, Settings(output, Address.parse(address) if address else None, image))


def _without_database(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"database": None})


def carry_out(plan: Plan, console: Console, *, dry_run: bool) -> bool:
    """Show what differs, and apply it unless this is a dry run; return whether anything differs.

    Parameters
    ----------
    plan
        what is to be done
    console
        where remarks go; differences go to standard output
    dry_run
        whether nothing is to be changed
    """
    diff = plan.diff
    if dry_run:
        click.echo(visible(diff, lines=True), nl=False)
    elif diff:
        plan.apply()
        click.echo(visible(plan.summary, lines=True), nl=False)
    else:
        console.print("Nothing to change.")
    for note in plan.notes:
        console.print(f"[yellow]{printable(note)}[/]", soft_wrap=True)
    return bool(diff)
