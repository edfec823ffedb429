import json
import re
from pathlib import Path

import pandas as pd
import pytest

from cosim.cli import main
from networks.catalog import load_feeder

PAGE = (Path(__file__).parents[2] / "docs" / "validate.md").read_text(encoding="utf-8")


def cosim(*arguments: str | Path) -> int:
    """Run the command line; return its exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of docs/validate.md, and trades small enough to pass."""
    for name, text in re.findall(r"^(\w+\.csv)\n\n```csv\n(.*?)```", PAGE, re.MULTILINE | re.S):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "small.csv").write_text(
        "trade,seller_bus,buyer_bus,power_kw\na,43,36,3\n", encoding="utf-8"
    )
    return tmp_path


def rows_of_page(heading: str) -> list[list[str]]:
    """Return the cells of the example table whose head begins with `heading`."""
    table = PAGE[PAGE.rindex(f"| {heading} | asked kW") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")[2:]]


def test_trades_of_the_page_give_its_table(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "answers" / "trades"
    base, trades = files / "base.csv", files / "trades.csv"
    code = cosim("validate", "trades", "--feeder", "cigre_lv", "--base", base, trades, "--out", out)
    assert code == 1
    printed = capsys.readouterr().out
    assert "roof-to-grid" in printed
    assert "3 accepted, 1 curtailed, 0 rejected" in printed
    verdicts = pd.read_csv(out / "verdicts.csv", keep_default_na=False)
    found = [
        [
            row.trade,
            f"{row.asked_kw:g}",
            f"{row.accepted_kw:.4f}",
            *(row.verdict, row.reason, row.element),
            f"{row.usage_charge_eur_per_h:.4f}",
        ]
        for row in verdicts.itertuples()
    ]
    assert found == rows_of_page("trade")
    assert sorted(file.name for file in out.iterdir()) == [
        *("branches.parquet", "buses.parquet", "manifest.json", "report.html"),
        *("summary.parquet", "verdicts.csv", "verdicts.parquet"),
    ]
    same = pd.read_parquet(out / "verdicts.parquet")
    pd.testing.assert_series_equal(same.accepted_kw, verdicts.accepted_kw)


def test_the_bid_of_the_page_gives_its_table(files: Path) -> None:
    out = files / "answer"
    base, bid = files / "base.csv", files / "bid.csv"
    code = cosim("validate", "bid", "--feeder", "cigre_lv", "--base", base, bid, "--out", out)
    assert code == 1
    verdicts = pd.read_csv(out / "verdicts.csv", keep_default_na=False)
    found = [
        [
            row.product,
            f"{row.asked_kw:g}",
            f"{row.feasible_kw:.4f}",
            *(row.verdict, row.reason, row.element),
            f"{row.moved_kw:.4f}",
        ]
        for row in verdicts.itertuples()
    ]
    assert found == rows_of_page("product")


def test_the_manifest_says_what_was_judged_and_how_far_pandapower_is(files: Path) -> None:
    out = files / "answer"
    base, trades = files / "base.csv", files / "trades.csv"
    cosim("validate", "trades", "--feeder", "cigre_lv", "--base", base, trades, "--out", out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["kind"] == "trades"
    assert manifest["verdicts"] == {"accepted": 3, "curtailed": 1}
    assert set(manifest["inputs"]) == {"base.csv", "trades.csv"}
    assert manifest["net_sha256"] == load_feeder("cigre_lv").net_sha256
    assert manifest["pandapower_states"] == 1
    assert manifest["pandapower_voltage_pu"] < 1e-8
    assert manifest["tables"]["buses"] == 44


def test_the_report_is_small_and_needs_nothing_else(files: Path) -> None:
    (files / "trades.csv").write_text(
        "trade,seller_bus,buyer_bus,power_kw\n<script>x</script>,43,12,300\n", encoding="utf-8"
    )
    for kind in ("trades", "bid"):
        out = files / kind
        base, file = files / "base.csv", files / f"{kind}.csv"
        cosim("validate", kind, "--feeder", "cigre_lv", "--base", base, file, "--out", out)
        report = (out / "report.html").read_text(encoding="utf-8")
        assert len(report) < 300_000
        assert "<script" not in report
        assert not re.search(r"(src|href)=\"http", report)
        assert "line 36" in report
        assert "<svg" in report
        assert "runpp" in report


def test_exit_codes_follow_the_answer(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--feeder", "cigre_lv", "--base", files / "base.csv")
    assert cosim("validate", "trades", *given, files / "small.csv") == 0
    assert cosim("validate", "trades", *given, files / "trades.csv", "--rule", "none") == 1
    assert "limits are broken further than in the base case" in capsys.readouterr().out
    assert cosim("validate", "trades", *given, files / "nowhere.csv") == 2
    assert cosim("validate", "trades", *given, files / "bid.csv") == 2
    assert cosim("validate", "bid", *given, files / "trades.csv") == 2
    assert cosim("validate", "trades", *given, files / "trades.csv", "--rule", "best") == 2
    problems = capsys.readouterr().err
    assert "nowhere.csv: cannot be read" in problems
    assert "bid.csv: column 'trade' is missing" in problems
    assert "rule: is 'best'" in problems
    assert "Traceback" not in problems


@pytest.mark.parametrize("kind", ["trades", "bid"])
def test_a_preset_of_limits_takes_the_place_of_those_of_the_feeder(
    kind: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--feeder", "cigre_lv", "--base", files / "base.csv", files / f"{kind}.csv")
    highest = {}
    for limits in ("ansi_a", "en50160"):
        out = files / limits
        assert cosim("validate", kind, *given, "--limits", limits, "--out", out) in {0, 1}
        assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["limits"] == limits
        assert limits in (out / "report.html").read_text(encoding="utf-8")
        last = "accepted" if kind == "trades" else "schedule"
        highest[limits] = float(pd.read_parquet(out / "buses.parquet")[f"vm_{last}_pu"].max())
    assert highest["ansi_a"] <= 1.05 + 1e-9 < highest["en50160"]
    capsys.readouterr()
    assert cosim("validate", kind, *given, "--limits", "ansi_c") == 2
    assert "unknown limits 'ansi_c'; allowed are en50160, vde_ar_n_4105" in capsys.readouterr().err


def test_a_folder_in_use_is_told_before_any_work(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--feeder", "cigre_lv", "--base", files / "base.csv", files / "nowhere.csv")
    assert cosim("validate", "trades", *given, "--out", files) == 2
    problems = capsys.readouterr().err
    assert "exists and is not empty" in problems
    assert "nowhere" not in problems


def test_bad_input_leaves_no_folder(files: Path) -> None:
    given = ("--feeder", "cigre_lv", "--base", files / "base.csv", files / "nowhere.csv")
    assert cosim("validate", "trades", *given, "--out", files / "out") == 2
    assert not (files / "out").exists()


@pytest.mark.parametrize("verb", ["trades", "bid"])
def test_both_verbs_have_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cosim("validate", verb, "--help") == 0
    assert "docs/validate.md" in capsys.readouterr().out
