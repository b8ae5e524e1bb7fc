"""A scenario checked: what is wrong with it, how long it takes, what would be late, what it sends."""

from __future__ import annotations

import io
import os
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from donki.director.journal.place import default_directory
from donki.director.rules.pace import SECOND
from donki.errors import BrokerError, DonkiError, InputError
from donki_client.console.many import AT_A_GLANCE, first_lines, named
from donki_client.console.output import printable
from donki_client.scenario.file import from_environment, instance_name, read_scenario
from donki_client.scenario.history import History, Known, MeasuredScript
from donki_client.scenario.model import (
    Scenario,
    changed_throughout,
    hosts_of,
    on_this_machine,
    players_in,
    scenarios_of,
)
from donki_client.scenario.placement.choice import place
from donki_client.scenario.simulation import MOST_TRIGGERS, Simulation, rehearse

if TYPE_CHECKING:
    from donki_client.scenario.playing.played import Played

#: How many triggers are tried. The first one is often slower than the rest.
TRIED = 5


def check_scenario(path: Path, console: Console, *, tried: bool = False) -> bool:
    """Check the scenario of a file and print the result.

    Parameters
    ----------
    path
        of the file
    console
        where it is shown
    tried
        whether a few triggers are played, in a facility of their own

    Returns
    -------
    bool
        whether it can be played

    Raises
    ------
    InputError
        with a line for every problem of the file
    """
    scenario = read_scenario(path)
    _say(console, f"{path}: valid", "bold green")
    lacking = _say_brokers(console, from_environment(scenario, os.environ))
    if unusable := _problem_of_hosts(scenario):
        _say(console, unusable, "bold red")
    trial = None
    if tried:
        with console.status(f"playing {TRIED} triggers"):
            trial = _try(scenario)
        for problem in trial.problems:
            _say(console, f"tried: {problem}", "bold red")
    known = trial.known if trial else History(default_directory()).known(scenario)
    rehearsal = rehearse(
        scenario, {name: experience.durations for name, experience in known.items() if experience}
    )
    console.print(_players(scenario, known))
    for number, line in enumerate(place(scenario, known, instance_name(path)).lines()):
        _say(console, f"{'' if number else 'Servers':<9}{line}")
    unknown = [
        name for name, player in players_in(scenario).items() if not known[name] and player.priority >= 0
    ]
    if unknown:
        _say(
            console,
            f"how long {named(unknown)} takes is not known, and taken as nothing: "
            "run it once, use --try, or say its duration",
            "yellow",
        )
    _say_rehearsal(console, scenario, rehearsal)
    _say_data(console, scenario, known, trial)
    return not lacking and not unusable and not rehearsal.failure and not (trial and trial.problems)


def _say_brokers(console: Console, scenario: Scenario) -> bool:
    """Say whether there are too few brokers, as far as they answer; nothing where one is enough."""
    if all(part.replication <= 1 for part in scenarios_of(scenario)):
        return False
    from donki_client.scenario.topics import check_brokers  # noqa: PLC0415 - it needs Kafka

    try:
        check_brokers(scenario)
    except InputError as error:
        _say(console, str(error), "bold red")
        return True
    except BrokerError as error:
        _say(console, f"whether there are enough brokers is not known: {error}", "yellow")
    return False


@dataclass(frozen=True)
class Trial:
    """The result of a few triggers: problems, what is known of each Player now, and the data."""

    problems: list[str]
    known: Known
    played: Played


def _problem_of_hosts(scenario: Scenario) -> str:
    """Return why the hosts of the Players cannot be used; empty where they can."""
    if not hosts_of(scenario):
        return ""
    from donki_client.scenario.placement.hosts import check_hosts  # noqa: PLC0415 - it needs PyTango

    try:
        check_hosts(from_environment(scenario, os.environ))
    except DonkiError as error:
        return str(error)
    return ""


def _try(scenario: Scenario) -> Trial:
    # Needed for a trial alone, and slow to import: they talk to Tango and Kafka, and read files.
    from donki_client.facility.local import LocalFacility  # noqa: PLC0415
    from donki_client.scenario.playing.runner import ScenarioRunner  # noqa: PLC0415

    nowhere = {"database": None, "broker": None, "replication": 0, "hdf5": None, "file_writer": None}
    tried = {**nowhere, "triggers": TRIED, "rate": None, "period": None}
    alone = changed_throughout(on_this_machine(scenario), lambda part: part.model_copy(update=tried))
    with TemporaryDirectory(prefix="donki-try-") as folder:
        quiet = Console(file=io.StringIO())
        with LocalFacility(Path(folder), in_memory=True) as facility:
            played = ScenarioRunner(alone, "try", facility, Path(folder), quiet).play()
        known = {
            name: replace(experience, source="tried now")
            if experience and experience.is_measured
            else experience
            for name, experience in History(Path(folder)).known(scenario).items()
        }
    return Trial(played.problems, known, played)


def _players(scenario: Scenario, known: Known) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("\nPlayer")
    for column in ("\npriority", "median\nms", "longest\nms", "events\na trigger", "kB\na trigger"):
        table.add_column(column, justify="right")
    table.add_column("\nknown from", overflow="fold")
    rows: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(known, key=lambda name: -_median(known[name])) if _is_long(known) else known:
        rows.setdefault(_figures(scenario, name, known[name]), []).append(name)
    for figures, names in list(rows.items())[:AT_A_GLANCE]:
        table.add_row(printable(named(names)), *figures)
    left = sum(len(names) for names in list(rows.values())[AT_A_GLANCE:])
    if left:
        table.add_row(f"{left:,} others", *["", "less", "", "", "", ""])
    return table


def _is_long(known: Known) -> bool:
    """Whether there are more Players than are read at a glance: then the longest actions come first."""
    return len(known) > AT_A_GLANCE


def _median(experience: MeasuredScript | None) -> float:
    return statistics.median(experience.durations) if experience else 0.0


def _figures(scenario: Scenario, name: str, experience: MeasuredScript | None) -> tuple[str, ...]:
    """Return what the row of a Player says of it; Players of whom it says the same share one."""
    priority = players_in(scenario)[name].priority
    durations = experience.durations if experience else ()
    sent = experience if experience and experience.is_measured else None
    return (
        "-" if priority < 0 else str(priority),
        f"{statistics.median(durations) / 1e6:.1f}" if durations else "-",
        f"{max(durations) / 1e6:.1f}" if durations else "-",
        f"{sent.events:,.0f}" if sent else "-",
        f"{sent.bytes / 1e3:,.1f}" if sent else "-",
        experience.source if experience else "-",
    )


def _say_rehearsal(console: Console, scenario: Scenario, rehearsal: Simulation) -> None:
    part = "" if scenario.triggers == rehearsal.triggers else f" (the first {MOST_TRIGGERS:,} were played)"
    if rehearsal.failure:
        _say(console, f"On a virtual clock it fails: {rehearsal.failure}", "bold red")
        return
    if rehearsal.length is None:
        _say(console, f"On a virtual clock: endless{part}")
    else:
        _say(
            console, f"On a virtual clock: {scenario.triggers:,} triggers in {_time(rehearsal.length)}{part}"
        )
    if rehearsal.late:
        _say(
            console,
            f"{rehearsal.late:,} of {rehearsal.triggers:,} triggers would be late, "
            f"the worst by {rehearsal.worst / 1e6:.1f} ms",
            "yellow",
        )
    elif scenario.trigger_period:
        _say(console, "no trigger would be late, as far as is known")
    late = [
        f"{player} would not answer within its timeout {timeouts:,} times"
        for player, timeouts in rehearsal.timeouts.items()
        if timeouts
    ]
    for line in first_lines(late):
        _say(console, line, "yellow")


def _say_data(console: Console, scenario: Scenario, known: Known, trial: Trial | None) -> None:
    players = players_in(scenario)
    measured = [
        experience
        for name, experience in known.items()
        if experience and experience.is_measured and players[name].priority >= 0
    ]
    many = 1 if scenario.is_endless else scenario.triggers
    when = "a trigger" if scenario.is_endless else "in all"
    if measured:
        events = sum(experience.events for experience in measured) * many
        size = sum(experience.bytes for experience in measured) * many
        of = "" if len(measured) == len(known) else f", of {len(measured)} of {len(known)} Players"
        _say(console, f"To Kafka {when}: about {events:,.0f} events, {size / 1e6:,.1f} MB{of}")
    if trial is None:
        _say(console, "which topics data go to is known once the scripts are executed: --try")
        return
    found = [stream for data in trial.played.data for stream in data.streams]
    for stream in sorted(found, key=lambda stream: (stream.topic, stream.source)):
        share = many / max(1, trial.played.end.current_trigger)
        number, what = (stream.values, "values") if stream.values else (stream.events, "events")
        megabytes = f"{stream.size * share / 1e6:,.2f} MB"
        _say(console, f"  {stream.topic}, from {stream.source}: {number * share:,.0f} {what}, {megabytes}")


def _time(nanoseconds: int) -> str:
    seconds = nanoseconds / SECOND
    if seconds < 1:
        return f"{1e3 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, markup=False, soft_wrap=True, style=style)
