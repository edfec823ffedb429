"""Flexibility metrics against docs/flexibility.md: two homes on three buses, by hand."""

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest

from cosim.grid.power_flow import PowerFlow
from cosim.records import AGGREGATOR, Clearing, Exogenous, Fleet, State, Trades
from cosim.results import Dispatch, IntervalRecord, Validation
from cosim.scoring.flexibility_metrics import (
    METRICS,
    Course,
    Delivery,
    course_of,
    flexibility_metrics,
    rebound_kwh,
)
from networks.feeder import Feeder
from tests.three_bus import three_bus_feeder
from tests.worlds import small_days, small_fleet

HOURS = 0.25
BATTERY_KW = (2.0, 0.0, -2.0, 0.0)
STORED_KWH = (2.0, 2.5, 2.5, 2.0, 2.0)
SOLAR_KW = (0.0, 4.0, 14.0, 10.0)
CURTAILED_KW = (0.0, 0.0, 2.0, 0.0)
NET_KW = ((8.0, 2.0), (6.0, -2.0), (4.0, -12.0), (6.0, -8.0))
OHM, REACTANCE, VOLT = 0.08, 0.02, 400.0


def fleet_by_hand() -> Fleet:
    """A owns a battery of 4 kWh and 3 kW without losses, B solar panels; both at bus 1."""
    shape = (1, 2)
    nothing = np.zeros(shape)
    return replace(
        small_fleet(0, 1, 2, 1.0),
        bus=np.array([[1, 1]]),
        pv_kwp=np.array([[0.0, 16.0]]),
        battery_kwh=np.array([[4.0, 0.0]]),
        battery_kw=np.array([[3.0, 0.0]]),
        battery_charge_efficiency=np.ones(shape),
        battery_discharge_efficiency=np.ones(shape),
        battery_start_kwh=np.array([[2.0, 0.0]]),
        vehicle_kw=nothing,
        heat_pump_kw=nothing,
    )


def trades_of(row: int) -> tuple[Trades, np.ndarray]:
    """In interval 2, B sells 2.5 kWh to A, of which 2 pass, and 2.5 kWh to the aggregator."""
    here = np.array([2, 2] if row == 2 else [], bool)
    count = len(here)
    values = {
        "seller": [1, 1],
        "buyer": [0, AGGREGATOR],
        "cleared_kwh": [2.5, 2.5],
        "price_eur_per_kwh": [0.10, 0.05],
        "ask_eur_per_kwh": [0.05, 0.05],
        "bid_eur_per_kwh": [0.19, 0.05],
        "fee_eur_per_kwh": [0.04, 0.0],
        "firm": [False, False],
        "placed": [0, 1],
    }
    columns: dict[str, Any] = {name: np.array(each)[:count] for name, each in values.items()}
    trades = Trades(start=np.array([0, count]), environment=np.zeros(count, np.int64), **columns)
    return trades, np.array([2.0, 2.5])[:count]


def days_by_hand() -> tuple[Feeder, State, list[IntervalRecord], Exogenous]:
    feeder, fleet = three_bus_feeder(), fleet_by_hand()
    power_flow = PowerFlow(feeder)
    unknown: Any = None
    records = []
    for row, net in enumerate(NET_KW):
        trades, accepted = trades_of(row)
        bus_kw = np.array([[0.0, sum(net), 0.0]])
        state = power_flow.solve(bus_kw, np.zeros((1, 3)))
        zeros = np.zeros((1, 2))
        after = State(row + 1, np.array([[STORED_KWH[row + 1], 0.0]]), zeros, zeros + 21.0)
        fields = dict.fromkeys(Validation.__slots__, unknown)
        fields |= {"accepted_kwh": accepted, "state": state, "bus_kw": bus_kw}
        records.append(
            IntervalRecord(
                interval=row,
                orders=unknown,
                envelopes=None,
                clearing=Clearing(np.array([np.nan]), np.array([net]) * HOURS, trades),
                validation=Validation(**fields),
                charges=unknown,
                dispatch=Dispatch(
                    battery_kw=np.array([[BATTERY_KW[row], 0.0]]),
                    vehicle_kw=zeros,
                    heat_pump_kw=zeros,
                    pv_kw=np.array([[0.0, SOLAR_KW[row]]]),
                    curtailed_kw=np.array([[0.0, CURTAILED_KW[row]]]),
                    net_kw=np.array([net]),
                ),
                settlement=unknown,
                state=after,
            )
        )
    start = State(0, np.array([[2.0, 0.0]]), np.zeros((1, 2)), np.full((1, 2), 21.0))
    return feeder, start, records, small_days(fleet, 0, 3)


def told(feeder: Feeder | None = None) -> dict[str, float]:
    known, start, records, days = days_by_hand()
    course = course_of(feeder or known, fleet_by_hand(), start, records, days, interval_h=HOURS)
    return flexibility_metrics([course], interval_h=HOURS)


def at_bus_1(drawn_kw: float) -> tuple[float, float]:
    """Return (p.u., losses in kW) by the quadratic for one line with all of it at its end."""
    watt = 1000.0 * drawn_kw
    middle = VOLT**2 - 2.0 * OHM * watt
    square = (middle + sqrt(middle**2 - 4.0 * (OHM**2 + REACTANCE**2) * watt**2)) / 2.0
    return sqrt(square) / VOLT, OHM * watt**2 / square / 1000.0


def test_every_metric_is_told_with_a_unit_and_a_meaning() -> None:
    found = told()
    assert set(found) == set(METRICS)
    assert all(unit and meaning for unit, meaning in METRICS.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("up_15min_kw", 3.5),  # battery 5, 3, 1, 3 and 2 kW of sun given up before
        ("down_15min_kw", 10.0),  # battery 1, 3, 5, 3 and all the sun there is
        ("up_battery_kw", 3.0),
        ("down_battery_kw", 3.0),
        ("up_solar_kw", 0.5),
        ("down_solar_kw", 7.0),
        ("up_vehicle_kw", 0.0),
        ("down_heat_pump_kw", 0.0),
        ("up_15min_kwh", 0.875),
        ("up_1h_kw", 1.0),  # the battery discharges at 2 of its 3 kW in between
        ("up_1h_kwh", 1.0),
        ("down_1h_kw", 1.0),  # and charges at 2 of them
        ("ramp_up_kw_per_h", 60.0),
        ("ramp_down_kw_per_h", 76.0),
        ("self_consumption", 18.0 / 28.0),
        ("self_sufficiency", 18.0 / 32.0),
        ("curtailed_kwh", 0.5),
        ("curtailed_share", 2.0 / 30.0),
        ("price_of_security_eur", 0.05),
        ("jain_accepted", 2.89 / 2.90),
        ("gini_accepted", 0.1 / 3.4),
        ("congestion_h", 0.0),
        ("voltage_violation_pu_h", 0.0),
    ],
)
def test_by_hand(name: str, value: float) -> None:
    assert told()[name] == pytest.approx(value, abs=1e-9)


def test_four_hours_are_not_known_in_one() -> None:
    found = told()
    assert np.isnan(found["up_4h_kw"])
    assert np.isnan(found["down_4h_kwh"])


def test_the_grid_by_hand() -> None:
    found = told()
    voltage, loss = zip(*(at_bus_1(sum(net)) for net in NET_KW), strict=True)
    slack = [sum(net) + lost for net, lost in zip(NET_KW, loss, strict=True)]
    drawn = [max(each, 0.0) for each in slack]
    near = {"rel": 1e-6}
    assert found["peak_import_kw"] == pytest.approx(max(slack), **near)
    assert found["peak_export_kw"] == pytest.approx(-min(slack), **near)
    assert found["load_factor"] == pytest.approx(sum(drawn) / 4.0 / max(drawn), **near)
    assert found["peak_to_average"] == pytest.approx(4.0 * max(drawn) / sum(drawn), **near)
    assert found["ramping_kw"] == pytest.approx(float(np.abs(np.diff(slack)).sum()), **near)
    assert found["loss_kwh"] == pytest.approx(sum(loss) * HOURS, rel=1e-5)
    off = [abs(each - 1.0) for each in voltage]
    # Nothing flows between buses 1 and 2, so both have the same voltage.
    assert found["voltage_deviation_pu"] == pytest.approx(2.0 * sum(off) / 12.0, rel=1e-5)
    # The numbers that docs/flexibility.md prints.
    assert voltage[0] == pytest.approx(0.994974, abs=5e-7)
    assert loss[0] == pytest.approx(0.050506, abs=5e-7)
    assert found["loss_kwh"] == pytest.approx(0.023070, abs=5e-7)


def test_a_branch_above_its_limit_counts_by_time_and_by_how_much() -> None:
    feeder = three_bus_feeder()
    tight = replace(feeder, loading_max_percent=np.full_like(feeder.loading_max_percent, 5.0))
    found = told(tight)
    volt = at_bus_1(10.0)[0] * VOLT
    percent = 100.0 * 10_000.0 / (sqrt(3.0) * volt) / 270.0
    assert percent > 5.0
    assert found["congestion_h"] == 0.25
    assert found["congestion_severity_h"] == pytest.approx((percent - 5.0) / 100.0 * 0.25, rel=1e-4)


def test_a_voltage_beyond_its_limit_counts_in_pu_hours() -> None:
    feeder = three_bus_feeder()
    tight = replace(feeder, voltage_min_pu=np.full_like(feeder.voltage_min_pu, 0.995))
    beyond = 2.0 * (0.995 - at_bus_1(10.0)[0]) * 0.25
    assert told(tight)["voltage_violation_pu_h"] == pytest.approx(beyond, abs=1e-9)


def test_parts_of_a_run_give_what_the_run_gives() -> None:
    feeder, start, records, days = days_by_hand()
    fleet = fleet_by_hand()

    def part(first: int, length: int) -> Course:
        state = start if first == 0 else records[first - 1].state
        return course_of(
            feeder, fleet, state, records[first:], days, interval_h=HOURS, length=length
        )

    whole, parts = told(), [part(0, 2), part(2, 2)]
    together = flexibility_metrics(parts, interval_h=HOURS)
    for name, value in whole.items():
        assert together[name] == pytest.approx(value, nan_ok=True, rel=1e-12), name


def test_a_delivery_by_hand() -> None:
    """Asked 2 kW for four intervals; 2, 1, 2.5 and 2 come: 1 - (0 + 1 + 0.5 + 0) / 8."""
    done = Delivery(np.full(4, 2.0), np.array([2.0, 1.0, 2.5, 2.0]))
    assert done.accuracy == pytest.approx(0.8125)
    assert done.activation_rate == pytest.approx(7.5 / 8.0)
    # Afterwards 1 kW and 0.6 kW come back, and 0.4 kW still go the way that was asked for.
    assert rebound_kwh(np.array([-1.0, 0.4, -0.6]), interval_h=HOURS) == pytest.approx(0.4)
    nothing = Delivery(np.zeros(2), np.zeros(2))
    assert np.isnan(nothing.accuracy)
    assert np.isnan(nothing.activation_rate)
