"""A study from end to end: what its tables say of each other, and that it can be taken up again."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.run_folder import MANIFEST
from cosim.scoring.flexibility import WINDOWS
from cosim.session import Session
from cosim.simulation import play_day
from cosim.studies.flexibility.records import FlexibilityContent
from cosim.studies.flexibility.study import run_study
from cosim.studies.flexibility.summary import ALL_METRICS
from cosim.studies.flexibility.tables import TABLES
from cosim.studies.sweep_store import read_study
from tests.studies.flexibility.small_study import small_study

DOWN, UP = "2016-06-13T12:00 down 4kW 1h lead 2h", "2016-06-13T18:00 up 1kW 0.5h lead 1h"
TOO_MUCH = "2016-06-14T12:00 down 400kW 1h lead 2h"
BUILT = small_study(DOWN, UP, TOO_MUCH)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "out"


@pytest.fixture(scope="module")
def content(folder: Path) -> FlexibilityContent:
    return run_study(
        BUILT,
        ("optimal",),
        folder,
        write_report=lambda found: {"report.html": found.facts["feeder"]},
    )


def frame(content: FlexibilityContent, name: str) -> pd.DataFrame:
    return pd.DataFrame(content.tables[name])


def test_the_folder_holds_every_table_as_it_is_named(
    content: FlexibilityContent, folder: Path
) -> None:
    study = read_study(folder)
    for name, kinds in TABLES.items():
        assert list(content.tables[name]) == list(kinds)
        assert list(study.table(name)) == list(kinds)
        assert len(pd.read_csv(folder / f"{name}.csv")) == len(content.tables[name]["policy"])
    assert set(content.metrics["water_value"]["optimal"]) == set(ALL_METRICS)
    told = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert told["water_value"]["optimal"]["requests"] == 3.0
    assert (folder / "report.html").read_text("utf-8") == "three_bus"


def test_the_baseline_is_the_run_without_requests(content: FlexibilityContent) -> None:
    stage = BUILT()
    case, _ = stage.twin("water_value", "optimal", 0)
    session = Session(case.game, case.world)
    net = [
        float(record.dispatch.net_kw.sum())
        for _ in range(2)
        for record in play_day(session, case.policies).intervals
    ]
    np.testing.assert_array_equal(content.tables["intervals"]["community_kw"], net)


def test_offers_add_up_and_longer_ones_are_no_larger(content: FlexibilityContent) -> None:
    rows = frame(content, "flexibility")
    whole = rows[rows.device == "all"].set_index(["interval", "direction", "window"])
    parts = rows[rows.device != "all"].groupby(["interval", "direction", "window"])
    for column in ("offered_kw", "feasible_kw", "delivered_kw"):
        sums = parts[column].sum(min_count=1).loc[whole.index]
        np.testing.assert_allclose(sums, whole[column], atol=1e-9)
    assert (whole.feasible_kw.fillna(0) <= whole.offered_kw.fillna(0) + 1e-9).all()
    for short, long in pairwise(WINDOWS):
        shorter = whole.xs(short, level="window").offered_kw
        longer = whole.xs(long, level="window").offered_kw
        assert (longer.fillna(0) <= shorter.fillna(np.inf) + 1e-6).all()
    # Windows that reach beyond the second day are not known, all others are.
    unknown = whole.xs("4h", level="window").offered_kw.isna()
    assert unknown.sum() == 2 * 15


def test_what_is_promised_is_delivered_inside_the_band(content: FlexibilityContent) -> None:
    requests = frame(content, "requests").set_index("request")
    assert (requests.outside_band == 0).all()
    assert (requests.violations == 0).all()
    assert requests.verdict.tolist() == ["accepted", "accepted", "partly accepted"]
    np.testing.assert_allclose(requests.accuracy_declared[:2], 1.0, atol=1e-6)
    inside = frame(content, "activations").query("in_window")
    surely = inside[inside.request < 2]
    np.testing.assert_allclose(surely.delivered_kw, surely.accepted_kw, atol=1e-6)
    # All that was feasible on forecasts is a promise that what happens may not keep.
    assert 0.9 < requests.accuracy_declared[2] < 1.0
    assert (inside.delivered_twin_kw <= inside.band_kw + 0.01).all()
    assert len(inside) == 4 + 2 + 4
    # Delivered energy is told alike by request, by interval and by prosumer.
    flexibility = frame(content, "flexibility").query("window == '15min' and device == 'all'")
    prosumers = frame(content, "prosumers")
    for direction in ("up", "down"):
        asked = requests[requests.direction == direction]
        by_interval = flexibility[flexibility.direction == direction].delivered_kw.sum() * 0.25
        by_prosumer = prosumers[f"delivered_{direction}_kwh"].sum()
        assert by_interval == pytest.approx(asked.activated_kwh.sum(), abs=1e-9)
        assert by_prosumer == pytest.approx(asked.activated_kwh.sum(), abs=1e-9)


@pytest.mark.slow
def test_the_nearest_feasible_request_is_accepted(
    content: FlexibilityContent, tmp_path: Path
) -> None:
    (answer,) = content.answers
    assert "partly accepted" in answer
    nearest = str(content.tables["requests"]["nearest"][2])
    again = run_study(small_study(nearest), ("optimal",), tmp_path / "out")
    assert again.tables["requests"]["verdict"].tolist() == ["accepted"]
    assert again.answers == ()


def test_money_of_activations_by_hand(content: FlexibilityContent) -> None:
    requests = frame(content, "requests").set_index("request")
    ledger = frame(content, "activation_ledger")
    inside = frame(content, "activations").query("in_window")
    stage = BUILT()
    actual = stage.world.actual
    for number, rows in inside.groupby("request"):
        paid = (
            rows.price_eur_per_kwh * rows[["delivered_kw", "accepted_kw"]].min(axis=1) * 0.25
        ).sum()
        assert requests.payment_eur[number] == pytest.approx(paid, abs=1e-9)
        mine = ledger[ledger.request == number]
        sign = 1.0 if requests.direction[number] == "up" else -1.0
        energy = mine[mine.kind == "energy"]
        received = np.where(energy.payee == "aggregator", energy.eur, -energy.eur).sum()
        day_ahead = actual.day_ahead_eur_per_kwh[rows.interval, 0]
        assert received == pytest.approx(sign * (day_ahead * rows.accepted_kw * 0.25).sum())
        corrected = mine[mine.kind == "imbalance_correction"]
        received = np.where(corrected.payee == "aggregator", corrected.eur, -corrected.eur).sum()
        imbalance = actual.imbalance_eur_per_kwh[rows.interval, 0]
        assert received == pytest.approx(-sign * (imbalance * rows.accepted_kw * 0.25).sum())
        short = (rows.accepted_kw - rows.delivered_kw.clip(lower=0.0)).clip(lower=0.0) * 0.25
        per_kwh = np.maximum(np.maximum(imbalance, 2.0 * rows.price_eur_per_kwh), 0.0)
        assert requests.penalty_eur[number] == pytest.approx((short * per_kwh).sum(), abs=1e-9)
    assert requests.penalty_eur[2] > 0.0
    assert (ledger.eur > 0.0).all()


@pytest.mark.slow
def test_a_study_that_was_stopped_goes_on(
    content: FlexibilityContent, folder: Path, tmp_path: Path
) -> None:
    class Stopped(Exception):
        pass

    def stop(_label: str, done: int, _total: int) -> None:
        if done == 1:
            raise Stopped

    out = tmp_path / "out"
    with pytest.raises(Stopped):
        run_study(BUILT, ("optimal",), out, progress=stop)
    assert not (out / MANIFEST).exists()
    run_study(BUILT, ("optimal",), out)
    for name in TABLES:
        file = f"{name}.parquet"
        assert (out / file).read_bytes() == (folder / file).read_bytes()


def test_regions_hold_the_point_that_was_played(content: FlexibilityContent) -> None:
    facts = frame(content, "region_facts")
    played = frame(content, "intervals").set_index("interval").slack_kw
    committed = facts[facts.committed]
    np.testing.assert_allclose(committed.base_kw, played.loc[committed.interval], atol=1e-6)
    assert (facts.area_mw_mvar >= 0.0).all()
    assert set(facts.interval) == set(range(0, 192, 24))
    corners = frame(content, "regions").groupby(["interval", "committed"]).size()
    assert (corners >= 3).all()


def test_the_grid_cuts_what_devices_could_hold(tmp_path: Path) -> None:
    """Lines of 0.27 kA may be loaded to 3 %: some 5.6 kW, firm load included."""
    asked = "2016-06-13T02:00 down 15kW 0.5h lead 1h"
    built = small_study(asked, days=1, loading_max_percent=3.0)
    content = run_study(built, ("optimal",), tmp_path / "out")
    (row,) = frame(content, "requests").to_dict("records")
    assert row["verdict"] == "partly accepted"
    assert 0.0 < row["accepted_kw"] < row["device_kw"]
    assert "line overload at line 0" in row["reason"]
    assert row["violations"] == 0
    margins = frame(content, "margins").query("direction == 'down' and window == '15min'")
    cut = margins[margins.feasible_kw < margins.offered_kw - 0.01]
    assert len(cut) > 0
    assert set(cut.reason) == {"line_overload"}
    metrics = content.metrics["water_value"]["optimal"]
    assert metrics["deliverability_down"] < 1.0


def test_accuracy_of_a_study_is_weighted_by_energy_accepted(content: FlexibilityContent) -> None:
    requests = frame(content, "requests")
    energy = requests.accepted_kw * requests.duration_h
    assert energy.nunique() > 1
    metrics = content.metrics["water_value"]["optimal"]
    for name in ("accuracy_declared", "accuracy_twin"):
        mean = (requests[name] * energy).sum() / energy.sum()
        assert metrics[name] == pytest.approx(mean, abs=1e-12)
        assert metrics[name] != pytest.approx(requests[name].mean(), abs=1e-9)


def test_deliverability_is_of_the_window_that_its_name_says(content: FlexibilityContent) -> None:
    metrics = content.metrics["water_value"]["optimal"]
    margins = frame(content, "margins")
    for window, suffix in (("15min", ""), ("1h", "_1h"), ("4h", "_4h")):
        rows = margins[(margins.direction == "down") & (margins.window == window)]
        assert metrics[f"feasible_down{suffix}_kw"] == pytest.approx(rows.feasible_kw.mean())
        assert metrics[f"feasible_down_solar{suffix}_kw"] == pytest.approx(rows.solar_kw.mean())
        assert metrics[f"deliverability_down{suffix}"] == pytest.approx(
            rows.feasible_kw.sum() / rows.offered_kw.sum()
        )
