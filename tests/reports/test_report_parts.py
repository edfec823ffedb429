"""The parts of a report: time axis, numbers as text, energy split, layout without coordinates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.records import Floats
from cosim.reports.arm import arms_of
from cosim.reports.energy import energy_use_of
from cosim.reports.feeder_labels import label_sides
from cosim.reports.feeder_layout import (
    ROWS_MAX,
    coordinates_of,
    idle_branches,
    tree_layout,
)
from cosim.reports.feeder_places import is_clear
from cosim.reports.from_run import settings_of
from cosim.reports.herding import after_drop, herding_sentence
from cosim.reports.labels import account_group, metric_label
from cosim.reports.timeline import Timeline, timeline_of
from cosim.reports.wording import (
    MISSING,
    counted,
    energy,
    listed,
    number,
    percent,
    saving_words,
    signed,
)
from networks.feeder import LINE, Feeder
from tests.reports.page import shown_number
from tests.reports.sample import sample_data
from tests.reports.sample_feeder import Options, sample_feeder

MAYBE = st.floats(-1e6, 1e6) | st.just(float("nan"))


def timeline(count: int, block: int) -> Timeline:
    run = sample_data(Options(trade=False, prosumers=1, comparison=False))
    stamps = run.start_utc[0] + 15 * np.arange(count)
    return replace(timeline_of(replace(run, start_utc=stamps)), block=block)


@given(st.lists(MAYBE, min_size=1, max_size=200), st.integers(1, 40))
def test_blocks_hide_no_extreme(values: list[float], block: int) -> None:
    axis, array = timeline(len(values), block), np.array(values)
    points = -(-len(values) // block)
    highest, lowest, total = axis.highest(array), axis.lowest(array), axis.total(array)
    assert len(highest) == len(lowest) == len(total) == points
    if np.isfinite(array).any():
        assert np.nanmax(highest) == np.nanmax(array)
        assert np.nanmin(lowest) == np.nanmin(array)
    assert total.sum() == pytest.approx(np.nansum(array), abs=1e-6)
    mean: Floats = axis.mean(array)
    assert np.array_equal(np.isfinite(mean), np.isfinite(highest))


def test_a_year_is_drawn_in_blocks() -> None:
    run = sample_data(Options(trade=False, prosumers=1, comparison=False))
    year = run.start_utc[0] + 15 * np.arange(96 * 365)
    axis = timeline_of(replace(run, start_utc=year))
    assert axis.block * axis.interval_h == 6.0
    assert "highest and lowest values are kept" in axis.note


def test_axis_is_local_unless_clocks_change() -> None:
    summer = timeline_of(sample_data())
    assert (summer.axis_start, summer.axis_title) == (
        "2016-06-13 00:00",
        "local time (Europe/Berlin)",
    )
    change = timeline_of(sample_data(Options(days=2, start="2016-10-29T22:00")))
    assert change.axis_start == "2016-10-29 22:00"
    assert change.axis_title.startswith("UTC")
    assert change.when(0) == "Sun 30 Oct 00:00"
    assert change.when(12) == "Sun 30 Oct 02:00"


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_numbers_read_back(value: float, decimals: int) -> None:
    assert shown_number(number(value, decimals)) == pytest.approx(value, abs=0.51 * 10**-decimals)
    assert not number(value, decimals).startswith("-")


def test_numbers_as_text() -> None:
    assert number(1234567.891, 1) == "1\u202f234\u202f567.9"
    assert number(-0.001, 2) == "0.00"
    assert number(float("nan")) == MISSING
    assert signed(3.2, 1) == "+3.2"
    assert signed(0.001, 1) == "0.0"
    assert signed(-2.0) == "\u22122"
    assert energy(12.34) == "12.3\u00a0kWh"
    assert percent(0.0027) == "0.27\u00a0%"
    assert [counted(n, "interval") for n in (0, 1, 2)] == [
        "no intervals",
        "1 interval",
        "2 intervals",
    ]
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_metrics_without_a_label_take_unit_from_their_name() -> None:
    assert metric_label("peak_export_kw") == ("Highest export of the feeder", "kW", 1)
    assert metric_label("something_new_eur_per_kwh") == ("Something new", "EUR/kWh", 4)
    assert metric_label("trades") == ("Trades", "", 0)
    assert metric_label("odd_ratio") == ("Odd ratio", "", 4)


def test_prosumers_of_the_ledger_are_one_account() -> None:
    assert {account_group(name) for name in ("7", "prosumer 7", "Prosumers")} == {"prosumers"}
    assert account_group("network_operator") == "network operator"


@given(seed=st.integers(0, 50), devices=st.booleans(), rating=st.sampled_from([40.0, 80.0, 400.0]))
def test_energy_split_adds_up(seed: int, devices: bool, rating: float) -> None:
    run = sample_data(
        Options(seed=seed, devices=devices, transformer_kw=rating, prosumers=8, comparison=False)
    )
    arm, _ = arms_of(run)
    use, people = energy_use_of(arm), run.with_validation.prosumers
    available = (people["pv_kw"] + people["curtailed_kw"]).sum() / 4
    assert use.solar_kwh == pytest.approx(available, abs=1e-6)
    parts = (use.solar_at_once_kwh, use.solar_stored_kwh, use.solar_local_kwh,
             use.solar_aggregator_kwh, use.solar_other_kwh, use.use_retailer_kwh)  # fmt: skip
    assert min(parts) >= -1e-9
    drawn = people["net_load_kw"].clip(lower=0).sum() / 4
    from_grid = use.use_local_kwh + use.use_aggregator_kwh + use.use_retailer_kwh
    assert from_grid == pytest.approx(drawn, abs=1e-6)


def test_tree_puts_every_bus_at_its_own_place() -> None:
    feeder = sample_feeder(Options(coordinates=False))
    x, y, drawn = coordinates_of(feeder)
    assert not drawn
    places = {(round(a, 6), round(b, 6)) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
    assert len(places) == feeder.bus_count
    assert (x[0], y[0]) == (0.0, 0.0)
    assert np.allclose(x[feeder.branch_to], x[feeder.branch_from] + 1.0)


def test_a_tree_with_many_ends_is_drawn_in_rings() -> None:
    feeder = sample_feeder(Options(coordinates=False))
    x, y = tree_layout(sample_star(feeder, ROWS_MAX + 1))
    assert np.allclose(np.hypot(x[1:], y[1:]), 1.0)


def sample_star(feeder: Feeder, ends: int) -> Feeder:
    """Return a feeder whose buses all hang on the first one."""
    blank = np.full(ends + 1, np.nan)
    return replace(
        feeder,
        bus_index=np.arange(ends + 1),
        bus_x=blank,
        bus_y=blank,
        node_of_bus=np.arange(ends + 1),
        branch_index=np.arange(ends),
        branch_from=np.zeros(ends, dtype=np.int64),
        branch_to=np.arange(1, ends + 1),
    )


def with_tie(feeder: Feeder) -> Feeder:
    """Return the feeder with a further line between the ends of two branches."""
    return replace(
        feeder,
        branch_kind=np.append(feeder.branch_kind, LINE),
        branch_index=np.append(feeder.branch_index, 99),
        branch_from=np.append(feeder.branch_from, 7),
        branch_to=np.append(feeder.branch_to, 13),
    )


def test_tree_survives_loops_and_islands() -> None:
    feeder = with_tie(sample_feeder(Options(coordinates=False)))
    kept = np.arange(feeder.branch_count) != 5
    ring = replace(
        feeder,
        branch_kind=feeder.branch_kind[kept],
        branch_index=feeder.branch_index[kept],
        branch_from=feeder.branch_from[kept],
        branch_to=feeder.branch_to[kept],
    )
    x, y = tree_layout(ring)
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()


def test_only_an_unloaded_branch_that_closes_a_loop_is_idle() -> None:
    feeder = with_tie(sample_feeder(Options()))
    loading = np.full(feeder.branch_count, 30.0)
    assert not idle_branches(feeder, loading).any()
    loading[-1] = 0.1
    loading[3] = 0.2  # carries little, but alone feeds what is behind it
    assert np.flatnonzero(idle_branches(feeder, loading)).tolist() == [feeder.branch_count - 1]


def test_own_coordinates_that_overlap_are_not_used() -> None:
    feeder = sample_feeder(Options())
    x, y = feeder.bus_x.copy(), feeder.bus_y.copy()
    x[13], y[13] = x[7] + 0.01, y[7]
    assert not is_clear(replace(feeder, bus_x=x, bus_y=y))
    x[13], y[13] = (x[2] + x[3]) / 2, (y[2] + y[3]) / 2  # on a branch of others
    assert not is_clear(replace(feeder, bus_x=x, bus_y=y))
    assert is_clear(feeder)


def test_labels_keep_off_branches() -> None:
    feeder = sample_feeder(Options())
    sides = label_sides(feeder, feeder.bus_x, feeder.bus_y, [str(n) for n in feeder.bus_index])
    assert sides[10] == "middle right"  # its branches run up and down
    flat = label_sides(feeder, feeder.bus_y, feeder.bus_x, [str(n) for n in feeder.bus_index])
    assert flat[10] == "top center"


def test_known_coordinates_are_used() -> None:
    feeder = sample_feeder(Options())
    x, _, drawn = coordinates_of(feeder)
    assert drawn
    assert x is feeder.bus_x


def test_savings_in_words() -> None:
    assert saving_words(12.0, 40.0) == "12.00\u00a0EUR less (30.0\u00a0%)"
    assert saving_words(-12.0, 40.0) == "12.00\u00a0EUR more (30.0\u00a0%)"
    assert saving_words(12.0, 4.99) == "12.00\u00a0EUR less"
    assert saving_words(-12.0, -40.0) == "12.00\u00a0EUR more"
    assert saving_words(-0.001, 40.0) == "as much"


def test_settings_of_prosumers_given_by_hand_are_listed() -> None:
    settings = list(settings_of({"run": {"days": 1}, "prosumers": [{"bus": 11}, {"bus": 12}]}))
    assert settings == [
        ("run", "days", "1"),
        ("[[prosumers]] 0", "bus", "11"),
        ("[[prosumers]] 1", "bus", "12"),
    ]


def test_refusals_that_gather_after_a_price_drop_are_named() -> None:
    run = sample_data(Options(comparison=False))
    arm, _ = arms_of(run)
    buy = np.where(np.arange(96) < 40, 0.30, 0.25)
    falling = replace(
        arm,
        tables=replace(arm.tables, intervals=arm.tables.intervals.assign(buy_eur_per_kwh=buy)),
    )
    assert np.flatnonzero(after_drop(falling)).tolist() == [40, 41]
    assert herding_sentence(falling, None) == ()
    trades = arm.tables.trades
    inside = trades["interval"].isin([40, 41])
    cut = trades.assign(accepted_kwh=trades["cleared_kwh"].where(~inside, 0.0))
    (text,) = herding_sentence(replace(falling, tables=replace(falling.tables, trades=cut)), None)
    assert text.replace("\u00a0", " ").startswith(
        "100.0 % of the energy refused falls in the first half hour after the aggregator's price "
        "drops (2.1 % of the time)"
    )
