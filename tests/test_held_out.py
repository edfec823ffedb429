"""Days for learning and days for judging: apart, and enough of both."""

import datetime

from cosim.scenario import Scenario
from cosim.studies.held_out import held_out_weeks, training_days


def test_no_day_is_learned_from_and_judged_by() -> None:
    learned = set(training_days())
    for monday in held_out_weeks():
        assert monday.weekday() == 0
        week = {monday + datetime.timedelta(days=day) for day in range(-1, 7)}
        assert not week & learned


def test_spans_of_several_days_stay_clear_too() -> None:
    kept = {
        monday + datetime.timedelta(days=day) for monday in held_out_weeks() for day in range(7)
    }
    for first in training_days(2):
        assert not {first + datetime.timedelta(days=day) for day in range(3)} & kept
    assert set(training_days(2)) < set(training_days(1))


def test_the_default_week_is_held_out() -> None:
    assert Scenario().run.start in held_out_weeks()


def test_every_season_is_in_both() -> None:
    for days in (held_out_weeks(), training_days()):
        assert {(day.month % 12) // 3 for day in days} == {0, 1, 2, 3}
        assert all(day.year == 2016 for day in days)
