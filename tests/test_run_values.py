"""What stands in the files of a run where something is missing, broken or somebody else's."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.price_provenance import PriceProvenance
from cosim.results import IntervalRecord
from cosim.run_folder import RunContent, RunFolder, read_run, write_run
from cosim.run_tables import RunRecords
from networks.feeder import TRANSFORMER, Feeder
from tests.played_days import INTERVALS, played_run
from tests.three_bus import three_bus_feeder


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return three_bus_feeder()


@pytest.fixture(scope="module")
def content(feeder: Feeder) -> RunContent:
    return played_run(feeder)


@pytest.fixture(scope="module")
def written(content: RunContent, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "a", content)


def refuse(constant: str) -> float:
    """Stand in for a JSON parser that follows the standard."""
    pytest.fail(f"{constant} is no JSON")


def test_what_is_not_a_number_is_null_for_strict_parsers(
    content: RunContent, tmp_path: Path
) -> None:
    metrics = {"with_validation": {"local_share": math.nan, "peak_kw": math.inf, "trades": 3.0}}
    facts = replace(content.facts, pandapower_voltage_pu=math.nan)
    run = write_run(tmp_path / "a", replace(content, metrics=metrics, facts=facts))
    for name in ("metrics.json", "manifest.json"):
        text = (run.path / name).read_text(encoding="utf-8")
        told = json.loads(text, parse_constant=refuse)
        if name == "metrics.json":
            expected = {"local_share": None, "peak_kw": None, "trades": 3.0}
            assert told == {"with_validation": expected}
        else:
            assert told["pandapower_voltage_pu"] is None
            assert told == run.manifest
    read = read_run(run.path).metrics["with_validation"]
    assert math.isnan(read["local_share"])
    assert math.isnan(read["peak_kw"])
    assert read["trades"] == 3.0


def in_state(record: IntervalRecord, **changes: object) -> IntervalRecord:
    """Return `record` with another state of the grid."""
    validation = record.validation
    state = replace(validation.state, **changes)  # type: ignore[arg-type]
    return replace(record, validation=replace(validation, state=state))


def with_records(content: RunContent, intervals: dict[int, IntervalRecord]) -> RunContent:
    """Return `content` with some intervals of its first day replaced."""
    first, *others = content.records.days
    mine = tuple(intervals.get(each.interval, each) for each in first.intervals)
    records: RunRecords = replace(content.records, days=[replace(first, intervals=mine), *others])
    return replace(content, records=records)


def test_an_interval_without_power_flow_has_no_voltages(
    content: RunContent, tmp_path: Path
) -> None:
    unsolved = in_state(content.records.intervals[1], converged=np.zeros(2, bool))
    run = write_run(tmp_path / "a", with_records(content, {1: unsolved}))
    for name, columns in {
        "buses": ["vm_pu"],
        "lines": ["loading_percent"],
        "intervals": ["slack_kw", "loss_kw"],
    }.items():
        table = run.table(name)
        here = table.interval == 1
        assert here.any()
        assert table.loc[here, columns].isna().all(axis=None), name
        assert table.loc[~here, columns].notna().all(axis=None), name
    row = run.table("intervals").loc[1]
    assert not row.converged
    assert row.broken == "no_power_flow"


def test_intervals_name_the_limit_that_is_broken_the_most(
    content: RunContent, feeder: Feeder, tmp_path: Path
) -> None:
    fine = (feeder.voltage_min_pu + feeder.voltage_max_pu) / 2.0
    voltage = np.tile(fine, (2, 1))
    low, high = voltage.copy(), voltage.copy()
    low[0, 2] = feeder.voltage_min_pu[2] - 0.02
    high[0, 1] = feeder.voltage_max_pu[1] + 0.03
    loading = np.full((2, feeder.branch_count), 50.0)
    over = loading.copy()
    over[0, 1] = feeder.loading_max_percent[1] + 2.5
    records = content.records.intervals
    states = {
        0: in_state(records[0], voltage_pu=voltage, loading_percent=loading),
        1: in_state(records[1], voltage_pu=low, loading_percent=loading),
        2: in_state(records[2], voltage_pu=low, loading_percent=over),
        3: in_state(records[3], voltage_pu=high, loading_percent=over),
    }
    kinds = feeder.branch_kind.copy()
    kinds[1] = TRANSFORMER
    changed = with_records(content, states)
    changed = replace(
        changed, records=replace(changed.records, feeder=replace(feeder, branch_kind=kinds))
    )
    broken = write_run(tmp_path / "a", changed).table("intervals").broken
    assert list(broken[:4]) == [
        "",
        f"undervoltage bus {feeder.bus_index[2]}",
        f"transformer_overload trafo {feeder.branch_index[1]}",
        f"overvoltage bus {feeder.bus_index[1]}",
    ]


def test_the_paid_local_price_is_the_mean_of_accepted_local_trades(written: RunFolder) -> None:
    trades, table = written.table("trades"), written.table("intervals")
    local = trades[(trades.seller != "aggregator") & (trades.buyer != "aggregator")]
    paid = (local.accepted_kwh * local.price_eur_per_kwh).groupby(local.interval).sum()
    kwh = local.accepted_kwh.groupby(local.interval).sum()
    expected = (paid / kwh).reindex(table.interval)
    np.testing.assert_allclose(table.local_paid_eur_per_kwh, expected, rtol=1e-12)
    assert expected.notna().any()


def test_the_markets_own_imbalance_price_is_told(written: RunFolder, content: RunContent) -> None:
    expected = content.records.world.actual.imbalance_eur_per_kwh[:INTERVALS, 0]
    np.testing.assert_array_equal(written.table("wholesale").system_imbalance_eur_per_kwh, expected)


def test_the_manifest_carries_notices_and_where_prices_come_from(
    content: RunContent, tmp_path: Path
) -> None:
    origin = PriceProvenance(
        kind="SMARD JSON",
        file=Path("smard.json"),
        sha256="ab12",
        resolution_minutes=60,
        unit="EUR/MWh",
        column=None,
        conversions=("EUR/MWh / 1000 = EUR/kWh",),
        first_utc=np.datetime64("2018-12-31T23:00", "m"),
        end_utc=np.datetime64("2019-12-31T23:00", "m"),
        missing_count=0,
    )
    drawn = write_run(tmp_path / "drawn", content).manifest
    assert drawn["day_ahead_file"] is drawn["imbalance_file"] is None
    for part in ("SimBench", "ODbL", "SMARD.de, CC BY 4.0", "netztransparenz.de"):
        assert part in drawn["data_notice"]
    world = replace(content.records.world, day_ahead_provenance=origin)
    of_file = replace(content, records=replace(content.records, world=world))
    manifest = read_run(write_run(tmp_path / "file", of_file).path).manifest
    assert manifest["day_ahead_file"] == {
        "kind": "SMARD JSON",
        "file": "smard.json",
        "sha256": "ab12",
        "resolution_minutes": 60,
        "unit": "EUR/MWh",
        "column": None,
        "conversions": ["EUR/MWh / 1000 = EUR/kWh"],
        "first_utc": "2018-12-31T23:00",
        "end_utc": "2019-12-31T23:00",
        "missing_count": 0,
    }
    assert "Day-ahead prices: Bundesnetzagentur | SMARD.de, CC BY 4.0." in manifest["data_notice"]
    assert "averaged and fitted" not in manifest["data_notice"]
