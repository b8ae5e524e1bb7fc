"""The scenario of an instrument as a text that people read and change."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from donki.texts import visible
from donki_client.instrument.mapping import Mapping
from donki_client.instrument.planned import Planned

#: The longest line: that of a log should be one, so that many are read as a table.
WIDTH = 150
_PARAMETERS = 8
TRIGGERS, RATE, SEED = 140, "14 Hz", 1


def scenario_text(mapping: Mapping, file: str) -> str:
    """Return the scenario in YAML.

    Parameters
    ----------
    mapping
        who plays what
    file
        the name of the description that it was made from, beside the scenario
    """
    name = mapping.instrument or file
    root = CommentedMap(
        title=_latin(f"{name}, all streams of {file}" if mapping.instrument else f"All streams of {file}"),
        metadata=_line({"instrument": name}),
        seed=SEED,
        triggers=TRIGGERS,
        rate=RATE,
        players=_players(mapping),
    )
    root.yaml_set_start_comment(_head(file))
    root.yaml_add_eol_comment("another one, other data; the same one, the same data", "seed", column=0)
    root.yaml_add_eol_comment("10 s; -1: until Ctrl-C", "triggers", column=0)
    yaml = YAML()
    yaml.width = 2 * WIDTH  # it is decided here what is one line
    text = io.StringIO()
    yaml.dump(root, text)
    return text.getvalue() + _unmapped(mapping)


def _head(file: str) -> str:
    return (
        f"All streams that {visible(file)} declares, made by donki instrument. Change rates, physics, logs,\n"
        "moves here, add faults: the page about instruments in the documentation lists what scripts take.\n"
    )


def _players(mapping: Mapping) -> CommentedMap:
    players = CommentedMap()
    for player in mapping.players:
        players[player.name] = _player(player)
        players.yaml_set_comment_before_after_key(
            player.name, before="\n".join(map(visible, [*player.about, *player.assumed])), indent=2
        )
    return players


def _player(player: Planned) -> CommentedMap:
    found = CommentedMap(script=player.script)
    if player.reads_file:
        found["data_path"] = _line(["."])
    found["parameters"] = CommentedMap(
        {key: _fitting(value, _PARAMETERS + len(key)) for key, value in player.parameters.items()}
    )
    return found


def _fitting(value: Any, column: int) -> Any:
    """Return a value to be written in one line, or in lines of its own where one would be too long."""
    if not isinstance(value, dict) or not value or column + len(str(value)) <= WIDTH:
        return _line(value)
    return CommentedMap({key: _fitting(part, column + 2) for key, part in value.items()})


def _line(value: Any) -> Any:
    """Return a value to be written in one line."""
    if not isinstance(value, dict | list):
        return value
    found = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    for key in found if isinstance(value, dict) else range(len(value)):
        found[key] = _line(value[key])
    found.fa.set_flow_style()
    return found


def _latin(title: str) -> str:
    """Return a title that Tango takes, in one line."""
    return visible(title).encode("latin-1", "replace").decode("latin-1")


def _unmapped(mapping: Mapping) -> str:
    if not mapping.unmapped:
        return ""
    lines = [
        f"#   {visible(one.path)}{f' ({visible(one.what)})' if one.what else ''}: {visible(one.reason)}"
        for one in mapping.unmapped
    ]
    return "\n# Not played:\n" + "\n".join(lines) + "\n"
