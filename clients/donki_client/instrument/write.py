"""The scenario of an instrument written, with what was mapped and what was not."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from donki.errors import FileError, InputError
from donki.instrument.tree import open_description
from donki.player.script.path import shipped_scripts
from donki.texts import visible
from donki_client.console.output import printable
from donki_client.instrument.mapping import Mapping, map_streams
from donki_client.instrument.scenario_text import scenario_text


def find_description(path: Path) -> Path:
    """Return the file of a description: as given, or one of those that come with DonkiOrchestra.

    Raises
    ------
    InputError
        when there is neither; names the bundled ones
    """
    folder = shipped_scripts() / "instrument"
    if path.exists():
        return path
    bundled = sorted(file.name for file in folder.glob("*") if file.suffix in (".nxs", ".json"))
    if len(path.parts) == 1 and path.name in bundled:
        return folder / path
    raise InputError(f"{path}: there is no such file; the bundled descriptions are {', '.join(bundled)}")


def write_scenario(file: Path, directory: Path, console: Console, *, overwrite: bool = False) -> Path:
    """Write the scenario of an instrument, and a copy of its description beside it; print what is in it.

    Parameters
    ----------
    file
        the description
    directory
        where the scenario goes; made if it is not there
    console
        where it is shown
    overwrite
        whether a scenario, or another description of that name, may be there already and is written over

    Returns
    -------
    Path
        of the scenario

    Raises
    ------
    InputError
        when the file is no description, declares nothing that can be played, or the scenario is there already
    SourceError
        when the file is damaged
    FileError
        when it cannot be written
    """
    scenario, copy = directory / f"{file.stem}.yaml", directory / file.name
    if scenario == copy:
        raise InputError(
            f"{file}: the scenario would have the same name; rename the description, as to .json"
        )
    if not overwrite:
        _refuse_existing(file, scenario, copy)
    with console.status(f"reading {printable(file)}"), open_description(file) as root:
        mapping = map_streams(root, file.name)
        text = scenario_text(mapping, file.name)
    _show(mapping, console)
    if not mapping.players:
        raise InputError(f"{file}: declares no stream that can be played; nothing is written")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not (copy.exists() and copy.samefile(file)):
            shutil.copyfile(file, copy)
        scenario.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"{error.filename or directory}: cannot be written: {error.strerror}") from None
    return scenario


def _refuse_existing(file: Path, scenario: Path, copy: Path) -> None:
    if scenario.exists():
        raise InputError(
            f"{scenario}: is there already, perhaps changed by hand; move it, choose another --output, or"
            " give --overwrite"
        )
    if copy.exists() and not filecmp.cmp(file, copy, shallow=False):
        raise InputError(
            f"{copy}: is there already and is another file than {file}; move it, choose another --output, or"
            " give --overwrite"
        )


def _show(mapping: Mapping, console: Console) -> None:
    if mapping.players:
        _show_players(mapping, console)
    if mapping.unmapped:
        console.print(f"Not played: {len(mapping.unmapped):,}", style="yellow")
    for one in mapping.unmapped:
        what = f" ({one.what})" if one.what else ""
        console.print(visible(f"  {one.path}{what}: {one.reason}"), markup=False, soft_wrap=True)


def _show_players(mapping: Mapping, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Player", "script"):
        table.add_column(column, overflow="fold")
    table.add_column("streams", justify="right")
    table.add_column("modules, topics", overflow="fold")
    for player in mapping.players:
        modules = sorted({declared.stream.module for declared in player.streams})
        topics = sorted({declared.topic for declared in player.streams})
        table.add_row(
            printable(player.name),
            player.script,
            f"{len(player.streams):,}",
            printable(f"{', '.join(modules)} to {', '.join(topics)}"),
        )
    console.print(table)
    streams = [declared for player in mapping.players for declared in player.streams]
    again = sum(len(declared.again) for declared in streams)
    said = f"Streams played: {len(streams):,}"
    if again:
        said += f", declared again elsewhere: {again:,}"
    console.print(said, style="bold green")
    for text in dict.fromkeys(text for player in mapping.players for text in player.assumed):
        console.print(visible(text), style="yellow", markup=False, soft_wrap=True)
