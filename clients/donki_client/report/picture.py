"""The picture of a run: who acted when, how long that took, and how late the triggers were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from donki.director.journal.reading.rows import OUTCOMES
from donki.director.rules.effects import Outcome
from donki.director.rules.pace import OVERRUN
from donki.errors import FileError, InputError
from donki.texts import visible
from donki_client.report.statistics import PlayerPart, RunStatistics

#: How many triggers the timeline shows.
SHOWN = 40

#: A curve of more triggers is drawn as the median and the extremes of so many parts of the run.
FEW = 1000
PARTS = 500

_BINS = 80
_NOT_DONE = "#c0392b"
_COLOURS = ("C0", "C1", "C2", "C4", "C5", "C6", "C8", "C9")  # without the red
_NUMBER_DONE = next(number for number, outcome in OUTCOMES.items() if outcome is Outcome.DONE)


def draw(statistics: RunStatistics) -> Figure:
    """Draw a run.

    Above: the turns of each Player at `SHOWN` triggers, around the slowest or up to the failure. Below: how
    often a turn of each Player took how long, as the Director saw it; the same, and how late each trigger
    was, over the run.

    Raises
    ------
    InputError
        when no trigger of the run is complete
    """
    run, parts = statistics.run, statistics.parts
    if not len(statistics.triggers):
        raise InputError(f"run {run.id} has no complete trigger; there is nothing to draw")
    lanes = 0.9 + 0.26 * max(3, len(parts))
    figure = Figure(figsize=(12, 2 * lanes + 2.4), dpi=110, layout="constrained")
    rows = figure.add_gridspec(2, 1, height_ratios=(lanes, lanes + 1.6))
    below = rows[1].subgridspec(2, 2)
    title = f"Run {run.id}" + (f" · {visible(run.title)}" if run.title else "")
    count = len(statistics.triggers)
    figure.suptitle(
        f"{title} · {count:,} trigger{'' if count == 1 else 's'}, {run.outcome or 'not ended'}",
        fontsize=12,
        fontweight="bold",
        parse_math=False,
    )
    colours = _colours(len(parts))
    _draw_timeline(figure.add_subplot(rows[0]), statistics, colours)
    _draw_histograms(figure.add_subplot(below[:, 0]), parts, colours)
    times = figure.add_subplot(below[0, 1])
    _draw_times(times, statistics, colours)
    _draw_lateness(figure.add_subplot(below[1, 1], sharex=times), statistics)
    return figure


def check_kind(path: Path) -> None:
    """Refuse a picture of a kind that cannot be written; the name's ending says which.

    Raises
    ------
    InputError
        naming the kinds
    """
    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise InputError(f"picture {path}: a name that ends with .{', .'.join(sorted(kinds))} is accepted")


def save(figure: Figure, path: Path) -> None:
    """Write a picture of the kind that the name's ending says.

    Raises
    ------
    FileError
        when the file cannot be written
    """
    try:
        figure.savefig(path)
    except OSError as error:
        raise FileError(f"the picture {path} cannot be written: {error.strerror or error}") from None


def _draw_timeline(axes: Axes, statistics: RunStatistics, colours: Sequence[str]) -> None:
    triggers = statistics.triggers
    failed = statistics.run.outcome == "failed"
    middle = len(triggers) if failed else int(np.argmax(triggers["done"] - triggers["sent"]))
    first = max(0, min(middle - SHOWN // 2, len(triggers) - SHOWN))
    shown = triggers[first : first + SHOWN]
    begin = triggers["sent"][0]
    if statistics.run.period:
        for due in shown["due"]:
            axes.axvline((due - begin) / 1e9, color="0.85", linewidth=0.8, zorder=0)
    last = shown["trigger"][-1] if first + SHOWN < len(triggers) else np.iinfo(np.int64).max
    for lane, (part, colour) in enumerate(zip(statistics.parts, colours, strict=True)):
        numbers = part.steps["trigger"]
        steps = part.steps[(numbers >= shown["trigger"][0]) & (numbers <= last)]
        starts, widths = (steps["sent"] - begin) / 1e9, (steps["done"] - steps["sent"]) / 1e9
        shades = [_shade(step, colour) for step in steps]
        # The edge shows what is narrower than a pixel.
        axes.broken_barh(
            list(zip(starts, widths, strict=True)),
            (lane - 0.36, 0.72),
            facecolors=shades,
            edgecolors=shades,
            linewidth=0.8,
        )
    which = "all triggers"
    if len(shown) < len(triggers):
        focus = "the last ones" if failed else "around the slowest"
        which = f"triggers {shown['trigger'][0]:,} to {shown['trigger'][-1]:,}, {focus}"
    due = "; grey: due" if statistics.run.period else ""
    _head(axes, f"Turns of the Players at {which}{due}; red: not done")
    axes.set_xlabel("time since the first trigger / s")
    _name_lanes(axes, statistics.parts)


def _shade(step: np.void, colour: str) -> tuple[float, ...]:
    """Return the colour of a turn; neighbours differ, so that each is seen."""
    if step["outcome"] != _NUMBER_DONE:
        return to_rgba(_NOT_DONE)
    return to_rgba(colour, 1.0 if step["trigger"] % 2 else 0.6)


def _draw_histograms(axes: Axes, parts: Sequence[PlayerPart], colours: Sequence[str]) -> None:
    seen = [_milliseconds(part) for part in parts]
    every = np.concatenate(seen)
    every = every[every > 0]
    if every.size:
        low, high = every.min(), every.max()
        is_wide = high > 20 * low
        if is_wide:
            _scale_by_decades(axes, high / low)
            edges = np.geomspace(low, high, _BINS + 1)
        else:
            edges = np.linspace(low, max(high, low * 1.01), _BINS + 1)
        for lane, (times, part, colour) in enumerate(zip(seen, parts, colours, strict=True)):
            counts, _ = np.histogram(times, edges)
            if not counts.any():
                continue
            base = lane + 0.4
            height = base - 0.85 * counts / counts.max()
            axes.stairs(height, edges, baseline=base, fill=True, color=colour)
            for time, style in ((part.seen.median, "-"), (part.seen.p99, ":")):
                axes.plot([1e3 * time] * 2, [base, lane - 0.45], style, color="black", linewidth=1)
    _head(axes, "How often a turn took so long; line: median, dots: 99 %")
    axes.set_xlabel("time of a trigger, as the Director saw it / ms")
    _name_lanes(axes, parts)


def _draw_times(axes: Axes, statistics: RunStatistics, colours: Sequence[str]) -> None:
    for part, colour in zip(statistics.parts, colours, strict=True):
        done = part.steps[part.steps["outcome"] == _NUMBER_DONE]
        _draw_curve(axes, done["trigger"], _milliseconds(part), colour)
    low, high = axes.get_ylim()
    axes.set_ylim(min(0, low), high)
    _head(axes, f"Time of a trigger over the run, by Player{_legend(statistics)}")
    axes.set_ylabel("ms")
    axes.tick_params(labelbottom=False)


def _draw_lateness(axes: Axes, statistics: RunStatistics) -> None:
    numbers, period = statistics.triggers["trigger"], statistics.run.period
    if period:
        _draw_curve(axes, numbers, 1e3 * statistics.lateness.seconds, "#34495e")
        limit = OVERRUN * period / 1e6
        if statistics.lateness.spread.largest * 1e3 > limit / 3:
            axes.axhline(limit, color=_NOT_DONE, linestyle="--", linewidth=1)
            axes.annotate(
                "late by 10 % of the period",
                (1, limit),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 2),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color=_NOT_DONE,
            )
        _head(axes, f"Lateness: sent after due{_legend(statistics)}")
    else:
        _draw_curve(axes, numbers[1:], np.diff(statistics.triggers["sent"]) / 1e6, "#34495e")
        _head(axes, f"From trigger to trigger; none was due at a time{_legend(statistics)}")
    axes.set_xlabel("trigger")
    axes.set_ylabel("ms")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_curve(axes: Axes, numbers: NDArray[np.int64], values: NDArray[np.float64], colour: str) -> None:
    """Draw values by trigger: each of them, or the median and the extremes of each part of the run."""
    if len(numbers) <= FEW:
        style = "-" if len(numbers) > 2 * SHOWN else ".-"
        axes.plot(numbers, values, style, color=colour, linewidth=0.9, markersize=4)
        return
    starts = np.linspace(0, len(numbers), PARTS, endpoint=False).astype(int)
    middle = numbers[starts]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    medians = [np.median(chunk) for chunk in np.split(values, starts[1:])]
    axes.fill_between(middle, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(middle, medians, color=colour, linewidth=1)


def _legend(statistics: RunStatistics) -> str:
    return "" if len(statistics.triggers) <= FEW else "; line: median, shade: extremes"


def _scale_by_decades(axes: Axes, ratio: float) -> None:
    """Make the horizontal axis logarithmic, with as many labels as there is room for; `ratio`: its range."""
    subs = (1.0, 2.0, 5.0) if ratio < 200 else (1.0,)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _head(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)


def _name_lanes(axes: Axes, parts: Sequence[PlayerPart]) -> None:
    axes.set_yticks(
        range(len(parts)),
        [f"{part.player.name} ({part.player.priority})" for part in parts],
        parse_math=False,
    )
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=8 if len(parts) > 12 else 9)
    axes.spines[["left", "right", "top"]].set_visible(False)


def _milliseconds(part: PlayerPart) -> NDArray[np.float64]:
    done = part.steps[part.steps["outcome"] == _NUMBER_DONE]
    milliseconds: NDArray[np.float64] = (done["done"] - done["sent"]) / 1e6
    return milliseconds


def _colours(count: int) -> list[str]:
    if count <= len(_COLOURS):
        return list(_COLOURS[:count])
    return [to_hex(colour) for colour in mpl.colormaps["viridis"](np.linspace(0, 0.92, count))]
