"""Words of the summary that `cosim run` prints: signs are told in words."""

from dataclasses import replace

import pytest

from cosim.play_run import _bid, _bills, _nobody
from tests.worlds import small_fleet, small_world


def arm(**values: float) -> dict[str, float]:
    """Return metrics of a run, 0 where nothing is given."""
    names = (
        *("bills_eur", "open_positions_eur", "saving_eur", "saving_without_trade_eur"),
        *("day_ahead_sold_kwh", "bid_refused_kwh"),
        *("balancing_up_offered_kwh", "balancing_down_offered_kwh"),
    )
    return dict.fromkeys(names, 0.0) | values


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"bills_eur": 1325.67, "saving_eur": -257.56}, "pay 1325.67 EUR, 257.56 EUR more than"),
        ({"bills_eur": -12.0, "saving_eur": 3.0}, "receive 12.00 EUR, 3.00 EUR less than"),
        ({"bills_eur": -0.001, "saving_eur": -0.0}, "pay 0.00 EUR, 0.00 EUR less than"),
    ],
)
def test_money_has_no_sign_but_a_word(values: dict[str, float], told: str) -> None:
    assert _bills(arm(**values)).startswith(told)


def test_a_schedule_that_buys_says_so() -> None:
    assert _bid(arm(day_ahead_sold_kwh=-625.0)).startswith("625 kWh bought")
    assert _bid(arm(day_ahead_sold_kwh=-0.2)).startswith("0 kWh sold")


def test_nobody_to_trade_is_warned_of() -> None:
    world, feeder = small_world()
    assert _nobody(feeder, world) == []
    empty = replace(world, fleet=small_fleet(0, 1, 0, 1.0))
    ((heading, text),) = _nobody(feeder, empty)
    assert heading == "WARNING"
    assert "no homes own devices" in text
    unloaded = replace(feeder, nominal_load_kw=0.0 * feeder.nominal_load_kw)
    assert "the feeder has no load" in _nobody(unloaded, empty)[0][1]
