import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from cosim.errors import RunFolderError
from cosim.results import Account, Reason
from cosim.run_columns import element_texts
from cosim.run_folder import (
    RunContent,
    RunFolder,
    folder_problems,
    new_folder,
    read_run,
    write_run,
)
from cosim.run_tables import TABLES
from cosim.scenario import Scenario
from networks.feeder import Feeder
from tests.played_days import INTERVALS, PER_DAY, PROSUMERS, played_run
from tests.three_bus import three_bus_feeder

COLUMNS = {
    "intervals": (
        "interval start_utc local_price_eur_per_kwh local_paid_eur_per_kwh buy_eur_per_kwh "
        "sell_eur_per_kwh local_kwh slack_kw loss_kw secure broken preexisting converged "
        "power_flow_iterations"
    ),
    "buses": "interval bus p_kw q_kvar vm_pu loss_eur_per_kwh voltage_eur_per_kwh "
    "congestion_eur_per_kwh",
    "lines": "interval element loading_percent",
    "trafos": "interval element loading_percent",
    "trades": (
        "interval trade seller buyer cleared_kwh accepted_kwh price_eur_per_kwh verdict reason "
        "element ask_eur_per_kwh bid_eur_per_kwh seller_charge_eur buyer_charge_eur "
        "shadow_eur_per_kwh firm"
    ),
    "prosumers": (
        "interval prosumer bus load_kw pv_kw battery_kw soc_kwh vehicle_kw vehicle_missing_kwh "
        "heat_pump_kw indoor_celsius curtailed_kw net_load_kw"
    ),
    "wholesale": (
        "interval bid_kwh validated_kwh verdict reason element shadow_kwh_per_kwh "
        "shadow_eur_per_kwh "
        "up_offered_kw up_feasible_kw up_verdict up_reason up_element up_shadow_kw_per_kw "
        "down_offered_kw down_feasible_kw down_verdict down_reason down_element "
        "down_shadow_kw_per_kw delivered_kwh imbalance_kwh "
        "day_ahead_eur_per_kwh imbalance_eur_per_kwh system_imbalance_eur_per_kwh"
    ),
    "bid_buses": (
        "interval bus firm_kw offered_kw validated_kw up_kw down_kw q_kvar price_kwh_per_kwh"
    ),
    "ledger": "interval payer payee kind eur",
}


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return three_bus_feeder()


@pytest.fixture(scope="module")
def content(feeder: Feeder) -> RunContent:
    return played_run(feeder)


@pytest.fixture(scope="module")
def written(content: RunContent, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "a", content)


def test_tables_have_the_documented_columns(written: RunFolder) -> None:
    assert tuple(COLUMNS) == TABLES
    for name, columns in COLUMNS.items():
        assert list(written.table(name).columns) == columns.split(), name


def test_a_bus_row_is_the_recorded_state_of_environment_0(
    written: RunFolder, content: RunContent, feeder: Feeder
) -> None:
    record = content.records.intervals[5]
    table = written.table("buses")
    assert len(table) == INTERVALS * feeder.bus_count
    row = table[(table.interval == 5) & (table.bus == feeder.bus_index[2])].iloc[0]
    assert row.p_kw == record.validation.bus_kw[0, 2]
    assert row.q_kvar == record.validation.bus_kvar[0, 2]
    assert row.vm_pu == record.validation.state.voltage_pu[0, 2]


def test_branches_are_told_apart_by_kind(
    content: RunContent, feeder: Feeder, tmp_path: Path
) -> None:
    mixed = replace(feeder, branch_kind=np.array([1, 0]), branch_index=np.array([0, 7]))
    run = write_run(
        tmp_path / "a", replace(content, records=replace(content.records, feeder=mixed))
    )
    loading = content.records.intervals[3].validation.state.loading_percent[0]
    for name, element, position in (("trafos", 0, 0), ("lines", 7, 1)):
        table = run.table(name)
        assert len(table) == INTERVALS
        assert set(table.element) == {element}
        assert table.loading_percent[3] == loading[position]


def test_elements_are_named_as_in_pandapower(feeder: Feeder) -> None:
    mixed = replace(
        feeder,
        bus_index=np.array([10, 20, 30]),
        branch_kind=np.array([0, 1]),
        branch_index=np.array([7, 4]),
    )
    reason = np.array([r.value for r in Reason])
    element = np.array([-1, 2, 0, 0, 1, -1])
    texts = element_texts(reason, element, mixed).tolist()
    assert texts == ["", "bus 30", "bus 10", "line 7", "trafo 4", ""]


def test_trades_name_their_ends_and_verdicts(written: RunFolder, content: RunContent) -> None:
    table = written.table("trades")
    trades = content.records.intervals[2].clearing.trades
    validation = content.records.intervals[2].validation
    rows = table[table.interval == 2]
    assert list(rows.trade) == [0, 1, 2, 3, 4]
    for position, row in enumerate(rows.itertuples()):
        seller, buyer = trades.seller[position], trades.buyer[position]
        assert row.seller == ("aggregator" if seller == -1 else str(seller))
        assert row.buyer == ("aggregator" if buyer == -1 else str(buyer))
        assert row.accepted_kwh == validation.accepted_kwh[position]
        told = (row.verdict, row.reason, row.element)
        assert (
            told
            == (
                ("accepted", "", ""),
                ("curtailed", "overvoltage", "bus 2"),
                ("rejected", "line_overload", "line 0"),
            )[validation.verdict[position]]
        )


def test_a_prosumer_row_holds_its_own_devices(
    written: RunFolder, content: RunContent, feeder: Feeder
) -> None:
    table = written.table("prosumers")
    record = content.records.intervals[6]
    row = table[(table.interval == 6) & (table.prosumer == 1)].iloc[0]
    assert row.bus == feeder.bus_index[2]
    assert row.load_kw == content.records.world.actual.load_kw[6, 0, 1]
    assert row.soc_kwh == record.state.battery_kwh[0, 1]
    assert row.net_load_kw == record.dispatch.net_kw[0, 1]
    assert row.curtailed_kw == record.dispatch.curtailed_kw[0, 1]
    assert row.heat_pump_kw == record.dispatch.heat_pump_kw[0, 1]


def test_a_wholesale_row_is_that_of_its_interval(written: RunFolder, content: RunContent) -> None:
    table = written.table("wholesale").set_index("interval")
    bid, number = content.records.days[1].bid, PER_DAY + 2
    assert table.bid_kwh[number] == bid.offered_kwh[2, 0]
    assert table.validated_kwh[number] == bid.validated_kwh[2, 0]
    cut = bid.offered_kwh[2, 0] != bid.validated_kwh[2, 0]
    assert table.element[number] == ("line 1" if cut else "")
    expected = content.records.world.actual.day_ahead_eur_per_kwh[number, 0]
    assert table.day_ahead_eur_per_kwh[number] == expected
    difference = table.delivered_kwh - table.validated_kwh
    np.testing.assert_allclose(table.imbalance_kwh, difference, atol=1e-12)


def test_offers_are_powers_and_a_shadow_is_also_money(
    written: RunFolder, content: RunContent, feeder: Feeder
) -> None:
    table = written.table("wholesale").set_index("interval")
    bid, number = content.records.days[1].bid, PER_DAY + 1
    for direction, offer in (("up", bid.up), ("down", bid.down)):
        row = table.loc[number]
        assert row[f"{direction}_offered_kw"] == 4.0 * offer.offered_kwh[1, 0]
        assert row[f"{direction}_feasible_kw"] == 4.0 * offer.feasible_kwh[1, 0]
        cut = bool(offer.feasible_kwh[1, 0] < offer.offered_kwh[1, 0])
        assert row[f"{direction}_verdict"] == ("curtailed" if cut else "accepted")
        assert row[f"{direction}_reason"] == ("line_overload" if cut else "")
        assert row[f"{direction}_element"] == ("line 1" if cut else "")
        assert row[f"{direction}_shadow_kw_per_kw"] == offer.shadow[1, 0]
    np.testing.assert_array_equal(
        table.shadow_eur_per_kwh, table.shadow_kwh_per_kwh * table.day_ahead_eur_per_kwh
    )
    buses = written.table("bid_buses")
    there = buses[(buses.interval == number) & (buses.bus == feeder.bus_index[2])].iloc[0]
    assert there.firm_kw == bid.firm_bus_kw[1, 0, 2]
    assert (there.up_kw, there.down_kw) == (bid.up.bus_kw[1, 0, 2], bid.down.bus_kw[1, 0, 2])
    assert there.price_kwh_per_kwh == bid.price[1, 0, 2]


def test_intervals_tell_when_they_begin(written: RunFolder) -> None:
    table = written.table("intervals")
    assert table.start_utc[0] == pd.Timestamp("2016-06-12T22:00", tz="UTC")
    assert table.start_utc[4] == pd.Timestamp("2016-06-12T23:00", tz="UTC")
    np.testing.assert_allclose(table.buy_eur_per_kwh - table.sell_eur_per_kwh, 0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_ledger_gives_every_account_its_settlement(
    feeder: Feeder, seed: int, tmp_path: Path
) -> None:
    content = played_run(feeder, seed)
    ledger = write_run(tmp_path / "a", content).table("ledger")
    parties = [*map(str, range(PROSUMERS)), *(account.name.lower() for account in Account)]
    received = ledger.pivot_table("eur", "interval", "payee", aggfunc="sum", fill_value=0.0)
    paid = ledger.pivot_table("eur", "interval", "payer", aggfunc="sum", fill_value=0.0)
    balance = received.reindex(columns=parties, fill_value=0.0) - paid.reindex(
        columns=parties, fill_value=0.0
    )
    settled = [record.settlement.accounts_eur[0] for record in content.records.intervals]
    np.testing.assert_allclose(balance.to_numpy(), settled, rtol=0.0, atol=1e-9)
    assert (ledger.eur > 0.0).all()
    assert (ledger.payer != ledger.payee).all()


def test_the_ledger_turns_around_where_a_price_is_negative(written: RunFolder) -> None:
    ledger, wholesale = written.table("ledger"), written.table("wholesale")
    cash = wholesale.validated_kwh * wholesale.day_ahead_eur_per_kwh
    rows = ledger[ledger.kind == "day_ahead"].set_index("interval")
    assert (cash < 0).any()
    assert (rows.payer[cash.index[cash < 0]] == "aggregator").all()
    assert (rows.payer[cash.index[cash > 0]] == "wholesale_market").all()


def test_the_same_run_gives_the_same_bytes(content: RunContent, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name, content)
    first, second = (digests(tmp_path / name) for name in ("a", "b"))
    assert first == second
    assert len(first) == 2 * len(TABLES) + 3
    assert digests(write_run(tmp_path / "c", replace(content, metrics={})).path) != first


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of every file below `folder`."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.*")
        if file.is_file()
    }


def test_the_manifest_tells_how_the_run_came_about(
    written: RunFolder, content: RunContent, feeder: Feeder
) -> None:
    manifest = read_run(written.path).manifest
    assert manifest == json.loads((written.path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == content.scenario.run.seed
    assert manifest["net_sha256"] == feeder.net_sha256
    assert manifest["day_ahead_label"] == "synthetic (calm)"
    assert manifest["wall_seconds"] == 2.5
    assert manifest["pandapower_voltage_pu"] == 2e-9
    assert manifest["versions"]["pandapower"][0].isdigit()
    for name, rows in manifest["tables"].items():
        assert parquet.read_metadata(written.path / f"{name}.parquet").num_rows == rows
    assert manifest["tables"]["without_validation/wholesale"] == PER_DAY
    assert manifest["tables"]["wholesale"] == INTERVALS


def test_a_run_is_read_as_it_was_written(written: RunFolder, content: RunContent) -> None:
    run = read_run(written.path)
    assert run.scenario == content.scenario == Scenario()
    assert run.metrics == content.metrics
    assert run.has_comparison
    shorter = run.table("intervals", without_validation=True)
    pd.testing.assert_frame_equal(shorter, run.table("intervals").head(PER_DAY))


def test_a_comparison_that_was_not_played_is_not_there(content: RunContent, tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", replace(content, without_validation=None))
    assert not run.has_comparison
    with pytest.raises(RunFolderError, match="does not hold that table"):
        run.table("trades", without_validation=True)


def test_an_unknown_table_is_refused_by_name(written: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="no table 'bus'; there are intervals, buses"):
        written.table("bus")


def test_the_report_is_written_before_the_run_counts_as_finished(
    content: RunContent, tmp_path: Path
) -> None:
    seen = []

    def report(run: RunFolder) -> None:
        seen.append((run.path.name, len(run.table("trades")), run.manifest["seed"]))
        with pytest.raises(RunFolderError, match="not a finished run"):
            read_run(run.path)
        run.report.write_text("<html>", encoding="utf-8")

    run = write_run(tmp_path / "a", content, write_report=report)
    assert seen[0][0] != "a"
    assert seen[0][1:] == (5 * INTERVALS, 0)
    assert run.report.read_text(encoding="utf-8") == "<html>"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, OSError])
def test_nothing_is_left_of_a_run_that_failed(
    failure: type[BaseException], content: RunContent, tmp_path: Path
) -> None:
    def fail(run: RunFolder) -> None:
        raise failure("on purpose")

    expected = RunFolderError if failure is OSError else failure
    with pytest.raises(expected, match="on purpose"):
        write_run(tmp_path / "a", content, write_report=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_manifest_is_no_run(written: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a finished run"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunFolderError, match="not valid JSON"):
        read_run(tmp_path)


def test_an_empty_folder_is_taken_and_a_missing_parent_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "new" / "er"):
        assert folder_problems(folder) == []
        with new_folder(folder) as hidden:
            (hidden / "file").touch()
        assert [file.name for file in folder.iterdir()] == ["file"]


def test_what_stands_in_the_way_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    cases = {
        tmp_path / "full": "exists and is not empty",
        tmp_path / "full" / "precious": "is a file",
        tmp_path / "full" / "precious" / "run": "which is a file",
        tmp_path / ("x" * 300) / "run": "cannot be used (File name too long)",
        Path("/proc/run"): "which cannot be written",
        Path("/"): "is a mount point",
    }
    for folder, reason in cases.items():
        (problem,) = folder_problems(folder)
        assert problem.startswith(f"{folder}: ")
        assert reason in problem
        assert "allowed is a new or empty folder" in problem
        with pytest.raises(RunFolderError), new_folder(folder):
            pytest.fail("the folder was opened")
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "precious"]
