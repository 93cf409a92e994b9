"""Forecasts: known results, invariants, and the coverage of the interval."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.domain.progress import forecast

TODAY = date(2026, 11, 21)
days = st.lists(st.integers(0, 500), min_size=3, max_size=14)


def test_no_forecast_below_three_days() -> None:
    assert forecast.forecast([40, 60], before=100, done=100, days_left=9) is None
    assert forecast.forecast([40, 60, 50], before=150, done=150, days_left=0) is None


def test_constant_rate_continues() -> None:
    result = forecast.forecast([10] * 14, before=140, done=140, days_left=10)
    assert result is not None and (result.expected, result.days, result.per_day) == (240, 14, 10.0)
    # Poisson noise alone: 100 more, plus or minus 1.96 * sqrt(100 + 100 * 10 / 14) = 26
    assert result.low == pytest.approx(240 - 26, abs=4) and result.high == pytest.approx(240 + 26, abs=5)


def test_zero_days_allow_some() -> None:
    result = forecast.forecast([0, 0, 0, 0, 0], before=0, done=0, days_left=5)
    assert result is not None and (result.expected, result.low) == (0, 0) and result.high > 0


def test_uneven_days_widen_interval() -> None:
    even = forecast.forecast([20] * 10, before=200, done=200, days_left=10)
    uneven = forecast.forecast([0, 40] * 5, before=200, done=200, days_left=10)
    assert even and uneven and even.expected == uneven.expected
    assert uneven.high - uneven.low > 2 * (even.high - even.low)


@settings(max_examples=60, deadline=None)
@given(daily=days, today=st.integers(0, 400), left=st.integers(1, 60))
def test_forecast_invariants(daily: list[int], today: int, left: int) -> None:
    before, done = sum(daily), sum(daily) + today
    result = forecast.forecast(daily, before=before, done=done, days_left=left)
    assert result is not None
    assert done <= result.low <= result.high, "approved pairs are not lost"
    assert result.low <= result.expected <= result.high
    assert result == forecast.forecast(daily, before=before, done=done, days_left=left), (
        "the same days give the same forecast"
    )


@settings(max_examples=30, deadline=None)
@given(daily=st.lists(st.integers(5, 60), min_size=4, max_size=7), left=st.integers(1, 30))
def test_more_days_narrow_interval(daily: list[int], left: int) -> None:
    few = forecast.forecast(daily, before=0, done=0, days_left=left)
    many = forecast.forecast(daily * 2, before=0, done=0, days_left=left)
    assert few and many and many.high - many.low <= (few.high - few.low) * 1.1


@pytest.mark.parametrize("n", [3, 6, 14])
@pytest.mark.parametrize(("mean", "dispersion"), [(0.5, 1.0), (8.0, 1.0), (60.0, 10.0)])
def test_interval_coverage(n: int, mean: float, dispersion: float) -> None:
    rng, covered = np.random.default_rng(11), 0

    def drawn(size: int) -> list[int]:
        rate = mean if dispersion == 1 else rng.gamma(mean / (dispersion - 1), dispersion - 1, size)
        return [int(count) for count in rng.poisson(rate, size)]

    for _ in range(200):
        result, actual = forecast.forecast(drawn(n), before=0, done=0, days_left=8), sum(drawn(8))
        assert result is not None
        covered += result.low <= actual <= result.high
    assert covered >= 200 * 0.89, "95% intervals, 200 futures: 0.89 is four standard errors below"


def test_only_whole_days_count() -> None:
    opened = TODAY - timedelta(days=4)
    by_day = {opened: 3, TODAY - timedelta(days=2): 5, TODAY: 2}
    daily, running = forecast.days_before(by_day, opened=opened, today=TODAY)
    assert daily == [3, 0, 5, 0]
    assert list(running.values()) == [3, 3, 8, 8, 10]
    daily, _ = forecast.days_before({}, opened=TODAY - timedelta(days=90), today=TODAY)
    assert len(daily) == 14


def test_line_ends_at_target() -> None:
    opened, deadline = date(2026, 11, 1), date(2026, 11, 30)
    at = [forecast.on_line(3000, opened=opened, deadline=deadline, day=opened + timedelta(days=n)) for n in range(32)]
    assert at[0] == 100 and at[29] == at[31] == 3000 and at == sorted(at)


def test_forecast_sentences() -> None:
    by = {"deadline": date(2026, 11, 30), "today": TODAY}
    result = forecast.Forecast(1640, 1480, 1810, 14, 48.0)
    assert forecast.words(result, target=2000, done=1160, **by) == (
        "At this rate 1,640 of 2,000 by Nov 30 (1,480 to 1,810; 95% interval from 14 days)."
    )
    assert "needs 3 full days" in forecast.words(None, target=2000, done=4, **by)
    assert forecast.words(result, target=900, done=1160, **by) == "Reached: 1,160 of 900."
    late = {"deadline": date(2026, 11, 20), "today": TODAY}
    assert "has passed with 4 of 2,000" in forecast.words(None, target=2000, done=4, **late)
    assert forecast.needed_per_day(2000, done=1000, days_left=10) == 100
    assert forecast.needed_per_day(2000, done=1000, days_left=0) is None
