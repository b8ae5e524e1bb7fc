"""The picture of a run: drawn for every kind of run, to a file that can be opened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from rich.console import Console

from donki.director.rules.effects import Outcome
from donki.errors import FileError, InputError
from donki_client.report.picture import _scale_by_decades
from donki_client.report.report import print_report
from helpers.recorded_run import complete, record, turn


def drawn(folder, name="run.png"):
    picture = folder / name
    print_report("", folder, picture, Console(quiet=True))
    return picture


def rising(count, players=("p0", "p1")):
    """Triggers whose times rise from 1 ms by 10 % each."""
    for number in range(1, count + 1):
        for player in players:
            yield turn(number, player, 1.1 ** (number % 50))
        yield complete(number, 1.1 ** (number % 50))


def test_a_short_run(tmp_path):
    record(tmp_path, rising(20))
    height, width, _ = imread(drawn(tmp_path)).shape
    assert width > 1000
    assert height > 500


def test_many_triggers_and_players(tmp_path):
    players = [f"p{number:02}" for number in range(32)]
    record(tmp_path, rising(200, players), players=players)
    assert imread(drawn(tmp_path)).shape[0] > 1500


def test_one_trigger_as_fast_as_the_players_answer(tmp_path):
    record(tmp_path, rising(1), period=0)
    assert drawn(tmp_path).stat().st_size > 0


def test_a_run_with_players_that_did_nothing_and_a_trigger_that_failed(tmp_path):
    failed = turn(6, "p0", outcome=Outcome.FAILED, error="off")
    record(tmp_path, [*rising(5, ["p0"]), failed], players=("p0", "idle"), outcome="failed", error="off")
    assert drawn(tmp_path).stat().st_size > 0


def test_other_kinds(tmp_path):
    record(tmp_path, rising(3))
    assert drawn(tmp_path, "run.svg").read_text().startswith("<?xml")
    assert drawn(tmp_path, "run.pdf").read_bytes().startswith(b"%PDF")


def test_a_kind_that_cannot_be_written_is_refused_before_anything_is_printed(tmp_path, capsys):
    record(tmp_path, rising(3))
    with pytest.raises(InputError, match=r"run\.xyz: a name that ends with .*\.png"):
        print_report("", tmp_path, tmp_path / "run.xyz", Console())
    assert capsys.readouterr().out == ""


def test_a_folder_that_is_not_there_is_named(tmp_path):
    record(tmp_path, rising(3))
    with pytest.raises(FileError, match=r"gone/run\.png cannot be written: No such file"):
        drawn(tmp_path, "gone/run.png")


def test_nothing_to_draw_says_so(tmp_path):
    record(tmp_path, [])
    with pytest.raises(InputError, match="no complete trigger"):
        drawn(tmp_path)


@pytest.mark.parametrize("low", [1e-4, 0.7, 3.0])
@pytest.mark.parametrize("ratio", [20.5, 60, 130, 999, 1001, 3e4, 2e6, 1e9])
def test_labels_of_a_logarithmic_axis_do_not_overlap(low, ratio):
    figure = Figure(figsize=(12, 6), dpi=110)
    axes = figure.add_subplot(2, 2, 1)
    _scale_by_decades(axes, ratio)
    axes.set_xlim(low, low * ratio)
    figure.draw_without_rendering()
    left, right = axes.get_xlim()
    ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
    boxes = [
        tick.label1.get_window_extent()
        for tick in ticks
        if tick.label1.get_text() and left <= tick.get_loc() <= right
    ]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) >= 2, ratio
    assert all(one.x1 + 2 < other.x0 for one, other in pairwise(boxes))
