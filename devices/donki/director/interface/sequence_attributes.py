"""The Director's attributes of its sequence: what it is to do, and how far it is."""

from __future__ import annotations

import math
import time

from donki.device.publisher import ARCHIVED, ARCHIVED_BY_CRITERIA
from donki.device.set_points import MEMORIZED, rounded_numbers, whole_numbers
from donki.director.interface.declaring import of_sequence, run_setting
from donki.director.rules.sequence_state import ENDLESS
from donki.director.settings import Settings
from donki.limits import MOST_PERIOD, MOST_TRIGGERS, PERIOD_DECIMALS


class SequenceAttributes:
    """Stands before the device among the bases of its class."""

    Triggers = run_setting(
        "Triggers",
        lambda director: director.runs.triggers,
        Settings.set_triggers,
        lambda sequence, settings: setattr(sequence, "triggers", settings.triggers),
        label="Triggers",
        doc="Triggers in a sequence, from 1; -1: until Stop, as reads one begun by Arm. A change reaches the "
        "sequence in progress.",
        **whole_numbers(ENDLESS, MOST_TRIGGERS),
        **MEMORIZED,
        **ARCHIVED,
    )
    StepTriggers = run_setting(
        "StepTriggers",
        lambda director: director.run_settings.step,
        Settings.set_step,
        lambda sequence, settings: setattr(sequence, "step", settings.step),
        label="Triggers of a step",
        doc="Triggers that one Step sends, from 1, at the Period; then the sequence is paused again.",
        **whole_numbers(1, MOST_TRIGGERS),
    )
    Period = run_setting(
        "Period",
        lambda director: director.run_settings.period,
        Settings.set_period,
        lambda sequence, settings: sequence.pace.change(settings.period_ns),
        label="Period",
        unit="s",
        doc="From trigger to trigger, rounded to the ns; 0: as fast as the Players answer.",
        **rounded_numbers(0, MOST_PERIOD, PERIOD_DECIMALS),
        **MEMORIZED,
        **ARCHIVED,
    )
    CurrentTrigger = of_sequence(
        lambda sequence: sequence.trigger,
        0,
        dtype=int,
        label="Current trigger",
        doc="The trigger in progress or last done, from 1; 0 before the first.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )
    Progress = of_sequence(
        lambda sequence: sequence.progress,
        0.0,
        dtype=float,
        label="Progress",
        unit="%",
        min_value=0,
        max_value=100,
        format="%.1f",
        doc="How much of the sequence is done; 0 for an endless one.",
    )
    RemainingTime = of_sequence(
        lambda sequence: sequence.remaining,
        math.nan,
        dtype=float,
        label="Remaining time",
        unit="s",
        format="%.1f",
        doc="Time left, learned from this sequence's own triggers; NaN until known.",
    )
    TriggerRate = of_sequence(
        lambda sequence: sequence.pace.rate(time.monotonic_ns()),
        0.0,
        dtype=float,
        label="Trigger rate",
        unit="Hz",
        format="%.1f",
        doc="Triggers in the last second.",
        archive_abs_change=0.5,
        **ARCHIVED_BY_CRITERIA,
    )
    Overruns = of_sequence(
        lambda sequence: sequence.pace.overruns,
        0,
        dtype=int,
        label="Late triggers",
        doc="Triggers that started late by more than 10 % of Period.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )
