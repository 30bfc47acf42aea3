"""Counters by name and window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgsvc.store import usage
from imgsvc.store.usage import Count

NOW = 1_200_000_000.0


def test_hits_add_up_until_the_window_ends(db):
    assert usage.count(db, "a", window=60, now=NOW) == Count(1, NOW + 60)
    assert usage.count(db, "a", window=60, now=NOW + 59.9) == Count(2, NOW + 60)
    assert usage.count(db, "a", window=60, now=NOW + 60) == Count(1, NOW + 120)


def test_names_and_windows_are_counted_apart(db):
    for name, window in (("a", 60), ("A", 60), ("a", 3600), ("", 60), ("ö", 60)):
        assert usage.count(db, name, window=window, now=NOW).hits == 1


def test_clear_removes_only_what_is_over(db):
    usage.count(db, "old", window=60, now=NOW - 60)
    usage.count(db, "now", window=60, now=NOW)
    usage.count(db, "day", window=86_400, now=NOW)
    assert usage.clear(db, NOW) == 1
    assert usage.count(db, "now", window=60, now=NOW).hits == 2
    assert usage.count(db, "day", window=86_400, now=NOW).hits == 2


def test_clear_removes_counters_of_the_future(db):
    usage.count(db, "a", window=60, now=NOW + 86_400)
    usage.count(db, "b", window=60, now=NOW + 60)
    assert usage.clear(db, NOW) == 1


def test_the_reset_is_ahead_by_at_most_a_window(sqlite):
    @given(st.floats(0, 4e9), st.integers(1, 86_400))
    def check(now: float, window: int) -> None:
        found = usage.count(sqlite, "a", window=window, now=now)
        assert now < found.resets_at <= now + window
        assert found.resets_at % window == 0

    check()
