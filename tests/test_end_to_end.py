"""What a user gets: folders that stand alone, the same bytes for the same seed, README commands."""

import doctest
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cosim.cli import main
from cosim.run_folder import MANIFEST, read_run
from networks.catalog import build_net, load_feeder
from policies.registry import PRETRAINED
from tests.feeders import every_feeder

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def cosim(*arguments: str) -> int:
    """Run the command line; return its exit code."""
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def summer_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sunny day on the default feeder."""
    out = tmp_path_factory.mktemp("runs") / "summer"
    assert cosim("run", "--start", "2016-06-13", "--days", "1", "--out", str(out)) == 0
    return out


def test_same_seed_same_files(summer_day: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert cosim("run", "--start", "2016-06-13", "--days", "1", "--out", str(again)) == 0
    first = {p.relative_to(summer_day) for p in summer_day.rglob("*") if p.is_file()}
    second = {p.relative_to(again) for p in again.rglob("*") if p.is_file()}
    assert first == second
    for name in sorted(first - {Path(MANIFEST)}):
        assert (summer_day / name).read_bytes() == (again / name).read_bytes(), name


def test_another_seed_gives_another_day(summer_day: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert cosim("run", "--days", "1", "--seed", "1", "--out", str(other)) == 0
    assert (summer_day / "buses.parquet").read_bytes() != (other / "buses.parquet").read_bytes()


def test_the_bus_table_alone_solves_the_feeder_again(summer_day: Path) -> None:
    """As docs/run-folder.md says, with nothing of this project's own solver."""
    run = read_run(summer_day)
    buses = run.table("buses")
    loadings = pd.concat(
        [run.table("lines").assign(kind="line"), run.table("trafos").assign(kind="trafo")]
    )
    for interval in (0, 50, 80):
        net = build_net("cigre_lv")
        net.load.drop(net.load.index, inplace=True)
        rows = buses[buses.interval == interval]
        for bus, kw, kvar in rows[["bus", "p_kw", "q_kvar"]].to_numpy():
            pp.create_load(net, int(bus), p_mw=kw / 1e3, q_mvar=kvar / 1e3)
        pp.runpp(net, tolerance_mva=1e-10)
        solved = net.res_bus.vm_pu.loc[rows.bus].to_numpy()
        np.testing.assert_allclose(solved, rows.vm_pu, atol=1e-8)
        assert solved.max() <= 1.1 + 1e-8
        for kind, table in (("line", net.res_line), ("trafo", net.res_trafo)):
            part = loadings[(loadings.interval == interval) & (loadings.kind == kind)]
            solved = table.loading_percent.loc[part.element].to_numpy()
            np.testing.assert_allclose(solved, part.loading_percent, atol=1e-5)
            assert solved.max() <= 100.0 + 1e-5


def test_validation_is_what_keeps_the_sunny_day_inside_the_limits(summer_day: Path) -> None:
    metrics = json.loads((summer_day / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["without_validation"]["violation_intervals"] > 0
    assert metrics["with_validation"]["violation_intervals"] == 0
    assert metrics["with_validation"]["departure_missing_kwh"] == 0.0
    assert metrics["with_validation"]["comfort_excess_kelvin"] < 1e-9


def test_ledger_and_meters_close(summer_day: Path) -> None:
    """Money sums to zero; energy at the buses is what prosumers' meters and passive load show."""
    run = read_run(summer_day)
    ledger = run.table("ledger")
    received = ledger.groupby("payee").eur.sum()
    paid = ledger.groupby("payer").eur.sum()
    assert received.sum() == pytest.approx(paid.sum(), abs=1e-9)
    assert (ledger.eur >= 0.0).all()
    prosumers = run.table("prosumers")
    at_meter = (
        prosumers.load_kw
        - prosumers.pv_kw
        + prosumers.battery_kw
        + prosumers.vehicle_kw
        + prosumers.heat_pump_kw
    )
    np.testing.assert_allclose(at_meter, prosumers.net_load_kw, atol=1e-8)
    trades = run.table("trades")
    accepted = trades[trades.accepted_kwh > 0.0]
    bought = accepted[accepted.buyer == "7"].groupby("interval").accepted_kwh.sum()
    sold = accepted[accepted.seller == "7"].groupby("interval").accepted_kwh.sum()
    net = prosumers[prosumers.prosumer == 7].set_index("interval").net_load_kw * 0.25
    traded = bought.reindex(net.index, fill_value=0.0) - sold.reindex(net.index, fill_value=0.0)
    # What a refusal left to the retailer is the only other energy at a meter.
    retail = ledger[(ledger.payer == "7") & (ledger.payee == "retailer")]
    energy = retail.groupby("interval").eur.sum().reindex(net.index, fill_value=0.0) / 0.12
    np.testing.assert_allclose(traded + energy, net, atol=1e-8)


def test_losses_and_slack_balance_the_buses(summer_day: Path) -> None:
    run = read_run(summer_day)
    drawn = run.table("buses").groupby("interval").p_kw.sum()
    intervals = run.table("intervals").set_index("interval")
    np.testing.assert_allclose(drawn + intervals.loss_kw, intervals.slack_kw, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2016-06-13", "2016-01-18"])
def test_default_weeks_break_limits_only_without_validation(start: str, tmp_path: Path) -> None:
    assert cosim("run", "--start", start, "--out", str(tmp_path / "week")) == 0
    metrics = json.loads((tmp_path / "week" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["without_validation"]["violation_intervals"] > 10
    assert metrics["with_validation"]["violation_intervals"] == 0
    assert metrics["with_validation"]["prosumers_worse_off"] == 0


@pytest.mark.parametrize(
    "name",
    [
        *every_feeder(quick=("cigre_mv", "ieee33", "kerber_dorfnetz", "three_bus")),
        pytest.param("simbench:1-LV-rural1--0-sw", marks=pytest.mark.slow),
        pytest.param("simbench:1-LV-semiurb5--2-no_sw", marks=pytest.mark.slow),
    ],
)
def test_a_day_on_every_other_feeder(name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert cosim("run", "--feeder", name, "--days", "1", "--out", str(out)) == 0
    run = read_run(out)
    assert run.manifest["pandapower_voltage_pu"] < 1e-8
    assert run.manifest["feeder"] == name
    assert len(run.table("buses")) == 96 * load_feeder(name).bus_count


def readme_commands() -> list[str]:
    """Return the `cosim` lines of the README's shell blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("cosim ")]


STUDIES = ("hosting-capacity", "flexibility")


@pytest.mark.slow
def test_readme_studies_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(command)[1:] for command in readme_commands()]
    studies = [arguments for arguments in commands if arguments[0] in STUDIES]
    assert {arguments[0] for arguments in studies} == set(STUDIES)
    for arguments in studies:
        assert cosim(*arguments) == 0, arguments
        assert Path(arguments[arguments.index("--out") + 1], "report.html").is_file()


def test_readme_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, in an empty folder, a day instead of a week; a training is one that is there."""
    monkeypatch.chdir(tmp_path)
    commands = readme_commands()
    assert len(commands) >= 4
    for command in commands:
        words, _, target = command.partition(">")
        arguments = shlex.split(words)[1:]
        if arguments[0] in STUDIES:
            continue
        if arguments[0] == "run":
            arguments = [a for a in arguments if a not in ("--days", "7")] + ["--days", "1"]
        if arguments[0] == "train":  # takes minutes; tests of its own play small ones
            shutil.copytree(PRETRAINED, arguments[arguments.index("--out") + 1])
            continue
        if arguments[0] == "compare":
            arguments += ["--days", "1", "--seeds", "1", "--players", "no_trade,fictitious_play"]
        assert cosim(*arguments) == 0, command
        printed = capsys.readouterr().out
        if target:
            Path(target.strip()).write_text(printed, encoding="utf-8")
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


def test_readme_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_readme_python_gives_what_it_shows() -> None:
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(code), {}, "README", None, 0)
    result = doctest.DocTestRunner(verbose=False).run(test)
    assert result.attempted > 0
    assert result.failed == 0


def test_readme_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_the_bid_solves_again_from_its_own_table(summer_day: Path) -> None:
    """At every cut schedule and offer the limit that is named binds, and none is broken."""
    run = read_run(summer_day)
    bids = run.table("wholesale")
    powers = run.table("bid_buses").set_index("interval")
    cases = []
    for state, part in (("validated_kw", ""), ("up_kw", "up_"), ("down_kw", "down_")):
        cut = bids[(bids[f"{part}verdict"] != "accepted")]
        if part:  # the others lack devices that the schedule was moved with
            cut = cut[cut[f"{part}shadow_kw_per_kw"] > 0.0]
        assert len(cut) > 0, state
        cases += [
            (state, *row)
            for row in cut[["interval", f"{part}element"]].to_numpy()[:: max(len(cut) // 3, 1)]
        ]
    net = build_net("cigre_lv")
    for state, interval, element in cases:
        net.load.drop(net.load.index, inplace=True)
        for bus, kw, kvar in powers.loc[interval][["bus", state, "q_kvar"]].to_numpy():
            pp.create_load(net, int(bus), p_mw=kw / 1e3, q_mvar=kvar / 1e3)
        pp.runpp(net, tolerance_mva=1e-10)
        kind, number = element.split()
        tables = {"line": net.res_line.loading_percent, "trafo": net.res_trafo.loading_percent}
        if kind in tables:
            assert tables[kind].loc[int(number)] == pytest.approx(100.0, abs=1e-3)
        else:
            voltage = net.res_bus.vm_pu.loc[int(number)]
            assert min(abs(voltage - 1.1), abs(voltage - 0.9)) < 1e-5
        assert net.res_trafo.loading_percent.max() <= 100.0 + 1e-4
        assert net.res_bus.vm_pu.max() <= 1.1 + 1e-6


def test_metrics_of_the_bid_are_sums_of_its_table(summer_day: Path) -> None:
    run = read_run(summer_day)
    bids, metrics = run.table("wholesale"), run.metrics["with_validation"]
    for direction in ("up", "down"):
        offered, feasible = (
            bids[f"{direction}_{what}_kw"].sum() / 4.0 for what in ("offered", "feasible")
        )
        name = f"balancing_{direction}"
        assert metrics[f"{name}_offered_kwh"] == pytest.approx(offered)
        assert metrics[f"{name}_feasible_kwh"] == pytest.approx(feasible)
        assert metrics[f"{name}_deliverability"] == pytest.approx(feasible / offered)
        cut = (bids[f"{direction}_verdict"] != "accepted").sum()
        assert metrics[f"{name}_intervals_cut"] == cut
    assert (bids.shadow_kwh_per_kwh[bids.verdict == "accepted"] == 0.0).all()
    assert (bids.shadow_kwh_per_kwh[bids.verdict != "accepted"] > 0.9).all()


def test_the_worked_example_is_one_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of docs/verdicts.md cuts the leg with the aggregator to 41.9323 kW."""
    monkeypatch.chdir(REPOSITORY)
    page = (REPOSITORY / "docs" / "verdicts.md").read_text(encoding="utf-8")
    command = re.findall(r"```bash\ncosim (.*?)\n```", page, re.DOTALL)[0]
    assert cosim(*shlex.split(command)) == 1  # something is cut
    printed = capsys.readouterr().out
    assert "41.932" in printed
    assert "bus 2" in printed
