"""How much less or more devices can draw, and for how long."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.prosumers.devices import advance, heat_response, initial_state, plug_in, ranges
from cosim.records import Booleans, Exogenous, Fleet, Floats, State
from cosim.results import Dispatch
from cosim.scoring import flexibility
from cosim.scoring.flexibility import Baseline, Device, Sustained, left_alone, sustained
from tests.worlds import small_days, small_fleet

HOURS = 0.25
SLACK = 1e-6


def of(found: Sustained, device: Device, direction: str) -> Floats:
    return np.asarray(getattr(found, f"{direction}_kw")[..., device])


def physical(
    fleet: Fleet,
    baseline: Baseline,
    changed: dict[str, Floats],
    days: Exogenous,
    window: tuple[int, int],
) -> dict[str, Booleans]:
    """Play the baseline up to interval t and the changed one for a window; tell what breaks."""
    (t, width), state = window, baseline.state
    broken = {name: np.zeros(fleet.bus.shape, bool) for name in ("battery", "vehicle", "heat")}
    for row in range(t + width):
        devices = baseline.devices
        powers = {
            "battery": devices.battery_kw[row],
            "vehicle": devices.vehicle_kw[row],
            "heat": devices.heat_pump_kw[row],
        }
        if row >= t:
            powers = {name: kw + changed[name] for name, kw in powers.items()}
            at = plug_in(state, days)
            able = ranges(fleet, at, days, interval=at.interval, interval_h=HOURS)
            kwh = {name: kw * HOURS for name, kw in powers.items()}
            broken["battery"] |= (kwh["battery"] > able.battery_charge_kwh + SLACK) | (
                -kwh["battery"] > able.battery_discharge_kwh + SLACK
            )
            broken["vehicle"] |= (kwh["vehicle"] > able.vehicle_may_kwh + SLACK) | (
                kwh["vehicle"] < able.vehicle_must_kwh - SLACK
            )
            broken["heat"] |= (kwh["heat"] > able.heat_may_kwh + SLACK) | (
                kwh["heat"] < able.heat_must_kwh - SLACK
            )
        nothing = np.zeros(fleet.bus.shape)
        points = Dispatch(
            powers["battery"], powers["vehicle"], powers["heat"], nothing, nothing, nothing
        )
        state = advance(fleet, plug_in(state, days), days, points, interval_h=HOURS)
    return broken


def schedule(seed: int, length: int = 64):  # type: ignore[no-untyped-def]
    """Return a fleet, its days and a feasible baseline that moves at random."""
    generator = np.random.default_rng(seed)
    fleet = small_fleet(seed, 1, 6, 1.0)
    days = small_days(fleet, seed, 3)
    alone = left_alone(fleet, initial_state(fleet), days, length, interval_h=HOURS)
    state, rows = alone.state, []
    for _ in range(length):
        state = plug_in(state, days)
        able = ranges(fleet, state, days, interval=state.interval, interval_h=HOURS)
        share = generator.random((3, *fleet.bus.shape))
        rows.append(
            (
                share[0] * able.battery_charge_kwh - (1.0 - share[0]) * able.battery_discharge_kwh,
                able.vehicle_must_kwh + share[1] * (able.vehicle_may_kwh - able.vehicle_must_kwh),
                able.heat_must_kwh + share[2] * (able.heat_may_kwh - able.heat_must_kwh),
            )
        )
        nothing = np.zeros(fleet.bus.shape)
        charged, driven, heated = (kwh / HOURS for kwh in rows[-1])
        points = Dispatch(charged, driven, heated, nothing, nothing, nothing)
        state = advance(fleet, state, days, points, interval_h=HOURS)
    battery, vehicle, heat = (np.stack(part) / HOURS for part in zip(*rows, strict=True))
    moving = replace(
        alone,
        devices=replace(alone.devices, battery_kw=battery, vehicle_kw=vehicle, heat_pump_kw=heat),
    )
    return fleet, days, alone, moving


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    t=st.integers(0, 47),
    window_h=st.sampled_from([0.25, 1.0, 4.0]),
    moves=st.booleans(),
)
def test_what_is_told_can_be_done_and_no_more(
    seed: int, t: int, window_h: float, moves: bool
) -> None:
    fleet, days, alone, moving = schedule(seed)
    baseline, width = moving if moves else alone, round(window_h / HOURS)
    found = sustained(fleet, baseline, days, window_h=window_h, interval_h=HOURS)
    names = {"battery": Device.BATTERY, "vehicle": Device.VEHICLE, "heat": Device.HEAT_PUMP}
    for direction, sign in (("up", -1.0), ("down", 1.0)):
        change = {name: of(found, device, direction)[t] for name, device in names.items()}
        within = {name: sign * kw for name, kw in change.items()}
        done = physical(fleet, baseline, within, days, (t, width))
        more = {name: sign * (kw + 0.01) for name, kw in change.items()}
        too_much = physical(fleet, baseline, more, days, (t, width))
        for name in names:
            assert not done[name].any(), (name, direction)
        owned = {"battery": fleet.battery_kw, "heat": fleet.heat_pump_kw}
        for name, power in owned.items():
            # A change that does not fit through a whole window breaks something inside it.
            assert too_much[name][power > 0.0].all(), (name, direction)


@pytest.mark.parametrize("window_h", [0.25, 1.0, 4.0])
def test_an_idle_battery_is_a_closed_form(window_h: float) -> None:
    fleet = small_fleet(3, 1, 8, 1.0)
    days = small_days(fleet, 3, 3)
    state = initial_state(fleet)
    alone = left_alone(fleet, state, days, 20, interval_h=HOURS)
    found = sustained(fleet, alone, days, window_h=window_h, interval_h=HOURS)
    out, into = fleet.battery_discharge_efficiency, fleet.battery_charge_efficiency
    room = fleet.battery_kwh - state.battery_kwh
    least = np.minimum(fleet.battery_kw, state.battery_kwh * out / window_h)
    most = np.minimum(fleet.battery_kw, room / (into * window_h))
    np.testing.assert_allclose(of(found, Device.BATTERY, "up")[0], least, atol=1e-7)
    np.testing.assert_allclose(of(found, Device.BATTERY, "down")[0], most, atol=1e-7)


def test_a_vehicle_can_wait_as_long_as_its_stay_allows() -> None:
    """11 kW, 10 kWh missing at the meter, four hours left: it charges at once and could wait."""
    fleet = small_fleet(0, 1, 1, 1.0)
    shape = fleet.bus.shape
    fleet = replace(
        fleet,
        battery_kw=np.zeros(shape),
        battery_kwh=np.zeros(shape),
        heat_pump_kw=np.zeros(shape),
        vehicle_kw=np.full(shape, 11.0),
        vehicle_efficiency=np.full(shape, 1.0),
    )
    days = small_days(fleet, 0, 3)
    departure = np.full_like(days.vehicle_departure, -1)
    departure[:16] = 16
    arrival = np.zeros_like(days.vehicle_arrival_kwh)
    arrival[0] = 10.0
    days = replace(days, vehicle_departure=departure, vehicle_arrival_kwh=arrival)
    state = State(0, np.zeros(shape), np.zeros(shape), np.full(shape, 21.0))
    alone = left_alone(fleet, state, days, 16, interval_h=HOURS)
    np.testing.assert_allclose(alone.devices.vehicle_kw[:5, 0, 0], [11.0, 11.0, 11.0, 7.0, 0.0])
    quarter = sustained(fleet, alone, days, window_h=0.25, interval_h=HOURS)
    hour = sustained(fleet, alone, days, window_h=1.0, interval_h=HOURS)
    all_of_it = sustained(fleet, alone, days, window_h=4.0, interval_h=HOURS)
    assert of(quarter, Device.VEHICLE, "up")[0, 0, 0] == pytest.approx(11.0)
    assert of(hour, Device.VEHICLE, "up")[0, 0, 0] == pytest.approx(7.0)
    assert of(all_of_it, Device.VEHICLE, "up")[0, 0, 0] == 0.0  # nothing after to make up in
    assert of(quarter, Device.VEHICLE, "down")[0, 0, 0] == 0.0  # it charges at full power
    # From the fourth interval on, 7 kW are drawn and 4 kW are left, but nothing would be missing.
    assert of(quarter, Device.VEHICLE, "down")[3, 0, 0] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(of(hour, Device.VEHICLE, "up")[13:]).all()


def test_a_shorter_window_never_offers_less() -> None:
    fleet, days, _, moving = schedule(11)
    each = [
        sustained(fleet, moving, days, window_h=hours, interval_h=HOURS, starts=40)
        for hours in flexibility.WINDOWS.values()
    ]
    for shorter, longer in pairwise(each):
        for direction in ("up", "down"):
            for device in Device:
                small, large = of(longer, device, direction), of(shorter, device, direction)
                assert np.all(small <= large + 1e-7)


def test_heat_follows_the_same_building_as_the_devices() -> None:
    fleet = small_fleet(5, 1, 6, 1.0)
    np.testing.assert_array_equal(
        flexibility._heat_response(fleet, HOURS), heat_response(fleet, HOURS)
    )


def test_solar_panels_give_up_what_they_give() -> None:
    fleet, days, alone, _ = schedule(2)
    found = sustained(fleet, alone, days, window_h=1.0, interval_h=HOURS)
    least = np.min([days.pv_kw[30 + k] for k in range(4)], axis=0)
    np.testing.assert_array_equal(of(found, Device.SOLAR, "down")[30], least)
    assert not of(found, Device.SOLAR, "up")[:40].any()


def test_windows_are_whole_intervals() -> None:
    fleet, days, alone, _ = schedule(2)
    with pytest.raises(ValueError, match=r"0\.4 h is no whole number of intervals"):
        sustained(fleet, alone, days, window_h=0.4, interval_h=HOURS)
