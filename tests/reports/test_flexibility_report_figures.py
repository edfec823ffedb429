"""Figures of a flexibility report hold the numbers of its tables, its sliders too."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.reports.flexibility_corners import (
    LABELS_MAX,
    NEAR_ACROSS,
    NEAR_UP,
    kept_apart,
    named_corners,
)
from cosim.reports.flexibility_curves import STEPS_SHOWN, merit_order
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_report import render_flexibility_report
from cosim.reports.flexibility_sliders import thinned
from cosim.scoring.flexibility import WINDOWS
from tests.reports.page import Page, read_page
from tests.reports.sample_flexibility import sample_flexibility
from tests.reports.sample_flexibility_world import Kind

MANY = Kind(requests=7)


@pytest.fixture(scope="module")
def data() -> FlexibilityReportData:
    return sample_flexibility()


@pytest.fixture(scope="module")
def page(data: FlexibilityReportData) -> Page:
    return read_page(render_flexibility_report(data))


def test_bands_are_drawn_up_above_and_down_below_zero(
    data: FlexibilityReportData, page: Page
) -> None:
    traces = page.figures["bands"]["data"]
    offered = [each["y"] for each in traces if each["name"] == "offered by devices"]
    assert max(offered[0]) == pytest.approx(data.series("offered_kw", UP).max(), abs=0.01)
    assert min(offered[1]) == pytest.approx(-data.series("offered_kw", DOWN).max(), abs=0.01)
    assert data.facts.baseline.split(":")[0] in " ".join(page.texts["caption"])


def test_windows_end_where_they_leave_the_study(page: Page) -> None:
    known = {
        each["legendgroup"]: sum(value is not None for value in each["y"])
        for each in page.figures["windows"]["data"]
    }
    assert known == {name: 96 - round(hours / 0.25) + 1 for name, hours in WINDOWS.items()}


def test_the_slider_puts_the_corners_of_an_interval_into_the_figure(
    data: FlexibilityReportData, page: Page
) -> None:
    figure = page.figures["regions"]
    (slider,) = figure["layout"]["sliders"]
    assert len(slider["steps"]) == data.tables["regions"]["interval"].nunique()
    rows = data.tables["regions"]
    for place in (0, 7, 23):
        (update,) = slider["steps"][place]["args"]
        corners = rows[(rows["interval"] == 4 * place) & ~rows["committed"]]
        assert update["x"][0][:-1] == pytest.approx(corners["p_kw"].tolist(), abs=0.01)
        assert update["x"][0][-1] == update["x"][0][0]
        assert len(update["x"]) == len(figure["data"])
    active = slider["steps"][slider["active"]]["args"][0]
    assert active["x"] == [trace["x"] for trace in figure["data"]]


def test_corners_are_named_after_their_limit(page: Page) -> None:
    steps = page.figures["regions"]["layout"]["sliders"][0]["steps"]
    told = {text for step in steps for text in step["args"][0]["text"][0] if text}
    assert told == {"bus 7: overvoltage", "trafo 0: overload"}


def test_supply_curves_end_at_what_is_offered_and_what_is_let_through(
    data: FlexibilityReportData, page: Page
) -> None:
    rows = data.tables["offers"]
    (slider,) = page.figures["supply"]["layout"]["sliders"]
    for place, step in enumerate(slider["steps"]):
        of_interval = rows[rows["interval"] == 4 * place]
        for at, direction in ((0, UP), (2, DOWN)):
            ways = of_interval[of_interval["direction"] == direction]
            ends = [step["args"][0]["x"][at + more][-1] for more in (0, 1)]
            sums = [ways["offered_kw"].sum(), ways["feasible_kw"].sum()]
            assert ends == pytest.approx(sums, abs=0.01)


def test_margins_hold_until_the_next_region_and_the_end(data: FlexibilityReportData) -> None:
    facts = data.tables["region_facts"]
    few = facts[facts["interval"] % 24 == 0]
    page = read_page(
        render_flexibility_report(replace(data, tables={**data.tables, "region_facts": few}))
    )
    traces = page.figures["margins"]["data"]
    free = few[~few["committed"].astype(bool)].sort_values("interval")
    drawn = next(each for each in traces if each["yaxis"] == "y2")["y"]
    assert drawn == pytest.approx(np.repeat(free["up_kw"].to_numpy(), 24), abs=0.01)


def test_many_requests_share_one_figure_with_a_slider(page: Page) -> None:
    assert {"activation-1", "activation-2"} <= set(page.figures)
    many = read_page(render_flexibility_report(sample_flexibility(MANY)))
    assert [name for name in many.figures if name.startswith("activation")] == ["activations"]
    (slider,) = many.figures["activations"]["layout"]["sliders"]
    assert [step["label"].split(":")[0] for step in slider["steps"]] == list("123456")
    assert slider["active"] == 5  # the least accurate


def test_delivered_power_is_drawn_against_both_baselines(
    data: FlexibilityReportData, page: Page
) -> None:
    traces = {each["name"]: each for each in page.figures["activation-1"]["data"]}
    rows = data.tables["activations"]
    rows = rows[rows["request"] == 0]
    for name, column in (
        ("declared baseline", "declared_kw"),
        ("twin without activation", "twin_kw"),
        ("as delivered", "net_kw"),
    ):
        assert traces[name]["y"][:-1] == pytest.approx(rows[column].tolist(), abs=0.01)
    accepted = rows[rows["accepted_kw"] > 0.0]
    band = set(traces["accepted"]["y"])
    assert len(traces["accepted"]["x"]) == 4 * len(accepted)
    assert round(float((accepted["declared_kw"] - accepted["accepted_kw"]).iloc[0]), 2) in band


@given(st.integers(1, 900), st.integers(2, 200))
def test_thinning_keeps_both_ends_and_order(count: int, most: int) -> None:
    kept = thinned(range(count), most)
    assert len(kept) == min(count, most)
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert kept == sorted(set(kept))


steps = st.tuples(st.floats(0.01, 50.0), st.floats(0.0, 1.0), st.floats(-0.2, 1.0))


@given(st.lists(steps, min_size=1, max_size=200))
def test_curves_lose_nobodys_power(found: list[tuple[float, float, float]]) -> None:
    offered, share, price = (np.array(each) for each in zip(*found, strict=True))
    price = np.sort(price)
    rows = pd.DataFrame(
        {
            "step": np.arange(len(price)),
            "price_eur_per_kwh": price,
            "offered_kw": offered,
            "feasible_kw": offered * share,
        }
    )
    at, all_kw, part_kw = merit_order(rows)
    assert len(at) <= STEPS_SHOWN + 1
    assert all_kw[0] == part_kw[0] == 0.0
    assert (all_kw[-1], part_kw[-1]) == pytest.approx((offered.sum(), (offered * share).sum()))
    assert np.all(np.diff(at) >= 0.0)
    assert np.all(part_kw <= all_kw + 1e-9)


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40))
def test_each_run_of_a_limit_is_named_once(words: list[str]) -> None:
    named = named_corners(words, [not word for word in words])
    assert len(named) <= LABELS_MAX
    assert all(words[at] for at in named)
    if any(words):
        assert named
    ring = [word for at, word in enumerate(words) if word != words[at - 1]]
    runs = sum(bool(word) for word in ring)
    assert len(named) == min(LABELS_MAX, runs or int(any(words)))


shares = st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=12)


@given(shares)
def test_names_never_cover_each_other(places: list[tuple[float, float]]) -> None:
    across, up = (np.array(each) for each in zip(*places, strict=True))
    kept = kept_apart(range(len(places)), across, up)
    assert 0 in kept
    for one in kept:
        for other in kept - {one}:
            apart = abs(across[one] - across[other]) >= NEAR_ACROSS
            assert apart or abs(up[one] - up[other]) >= NEAR_UP
