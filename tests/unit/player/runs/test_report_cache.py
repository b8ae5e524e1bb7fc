"""What a Player remembers is bounded, and the newest stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from donki.player.runs.report_cache import MOST_BYTES, REMEMBERED, ReportCache


def test_the_newest_triggers_are_remembered():
    memory = ReportCache()
    assert memory.newest is None
    for trigger in range(1, REMEMBERED + 3):
        memory.remember(trigger, str(trigger))
    assert memory.recall(2) is None
    assert memory.recall(3) == "3"
    assert memory.newest == str(REMEMBERED + 2)
    memory.clear()
    assert memory.newest is None


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, MOST_BYTES)), min_size=1))
def test_no_more_is_kept_than_fits_but_always_the_newest(remembered):
    memory = ReportCache()
    sizes = {}
    for trigger, size in remembered:
        memory.remember(trigger, size, size)
        sizes.pop(trigger, None)
        sizes[trigger] = size
        assert memory.newest == size
        kept = [known for known in sizes if memory.recall(known) is not None]
        assert sum(sizes[known] for known in kept) <= MOST_BYTES or kept == [trigger]
        assert kept == list(sizes)[len(sizes) - len(kept) :]
