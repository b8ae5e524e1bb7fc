"""A scenario played: what is missing is brought up, everything is watched, checked and summed up."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from donki.director.journal.place import default_directory
from donki.errors import FileError
from donki.limits import FileWriterPolicy
from donki_client.console.many import first_lines
from donki_client.console.output import printable
from donki_client.facility.local import LocalFacility
from donki_client.scenario.model import Scenario, hosts_of, scenarios_of

if TYPE_CHECKING:
    from donki_client.scenario.playing.played import Played


def play(
    scenario: Scenario, name: str, console: Console, *, journaled: bool = True, leave: bool = False
) -> bool:
    """Start what is missing, play, read back, sum up and stop everything that was started.

    Parameters
    ----------
    scenario
        what is played; its database and broker are used where they are given, else both are started
    name
        of the Director's server
    console
        where it is shown
    journaled
        whether the run goes into the user's journal
    leave
        whether servers on other hosts are left running, and registered

    Returns
    -------
    bool
        whether the sequence was played to its end and everything that was sent arrived

    Raises
    ------
    DonkiError
        when something cannot be started; says what
    """
    if hosts_of(scenario):
        from donki_client.scenario.placement.hosts import check_hosts  # noqa: PLC0415 - it needs PyTango

        check_hosts(scenario)
    for part in scenarios_of(scenario):
        if part.hdf5 and not all(player.host for player in part.players.values()):
            check_writable("hdf5", part.hdf5.folder)
    with (
        TemporaryDirectory(prefix=f"donki-{name}-") as folder,
        LocalFacility(Path(folder), in_memory=True) as facility,
    ):
        facility.prepare()
        # While another process imports what the servers need.
        from donki_client.scenario.playing.runner import ScenarioRunner  # noqa: PLC0415
        from donki_client.scenario.playing.summary import table  # noqa: PLC0415

        journal = default_directory() if journaled else Path(folder)
        played = ScenarioRunner(scenario, name, facility, journal, console, leave=leave).play()
    console.print()
    console.print(table(played.results))
    return _print_verdict(scenario, played, console)


def check_writable(what: str, folder: Path) -> None:
    """Make sure that files can be written to a folder; it is made where it is missing.

    Parameters
    ----------
    what
        the option or the key that names the folder, for the message

    Raises
    ------
    FileError
        naming the folder and the reason
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{what} {folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{what} {folder}: is not writable; choose another folder")


def _print_verdict(scenario: Scenario, played: Played, console: Console) -> bool:
    from donki_client.scenario.playing.summary import notes, success  # noqa: PLC0415 - as above

    warned = played.unwritten(FileWriterPolicy.WARN)
    said = [*notes(played.results), *played.topics, *played.uncompared, *warned]
    for note in first_lines(said):
        console.print(f"[yellow]{printable(note)}[/]", soft_wrap=True)
    found = played.problems
    for problem in first_lines(found):
        console.print(f"[bold red]{printable(problem)}[/]", soft_wrap=True)
    if not found:
        folders = dict.fromkeys(part.hdf5.folder for part in scenarios_of(scenario) if part.hdf5)
        arrived = success(played.results, list(folders), played.unread_files)
        colour = "yellow" if notes(played.results) or warned else "bold green"
        console.print(f"[{colour}]{printable(arrived)}[/]", soft_wrap=True)
    return not found
