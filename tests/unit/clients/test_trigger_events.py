"""The events of triggers, as a client reads them."""

from __future__ import annotations

import numpy as np
import pytest

from donki.errors import DonkiError
from donki_client import TriggerEvents


def test_the_triggers_after_one_are_told_by_number():
    events = TriggerEvents("run", 12, {"a": np.array([1, 2, 3]), "b": np.array([10, 0, 30])})
    assert events.after(10) == {11: {"a": 2, "b": 0}, 12: {"a": 3, "b": 30}}
    assert events.after(12) == {}


def test_triggers_that_are_no_longer_kept_are_named():
    events = TriggerEvents("run", 12, {"a": np.array([2, 3])})
    assert events.after(10) == {11: {"a": 2}, 12: {"a": 3}}
    with pytest.raises(
        DonkiError, match=r"the events of triggers 4 to 10 of run run are lost: .* the last 2;"
    ):
        events.after(3)


def test_before_the_first_trigger_there_are_none():
    assert TriggerEvents("run", 0, {"a": np.array([], np.int64)}).after(0) == {}
    assert TriggerEvents("", 0, {}).after(0) == {}
