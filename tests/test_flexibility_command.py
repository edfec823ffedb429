"""`cosim flexibility` as people call it: a study, and bad input told all at once."""

import math
import re
import shutil
from pathlib import Path

import pytest

from cosim.cli import main
from cosim.studies.sweep_store import read_study

TOML = """
[run]
days = 1
[feeder]
name = "three_bus"
[[prosumers]]
bus = 1
pv_kwp = 6.0
battery_kwh = 8.0
battery_kw = 4.0
[[prosumers]]
bus = 2
heat_pump_kw = 3.0
"""


def called(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["flexibility", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    file = tmp_path / "scenario.toml"
    file.write_text(TOML, "utf-8")
    return str(file)


def _accuracy_is_by_energy(out: Path, shown: str) -> None:
    """Terminal, table and report tell one accuracy: that of what was accepted, by its energy."""
    tables = read_study(out)
    requests, metrics = (tables.table(name) for name in ("requests", "metrics"))
    first = requests["rule"] == requests["rule"][0]
    weight = (requests["accepted_kw"] * requests["duration_h"])[first]
    line = next(each for each in shown.splitlines() if each.startswith("accuracy of accepted"))
    told = [float(each) for each in re.findall(r"-?[0-9.]+", line)[:2]]
    report = (out / "tables" / "flexibility-metrics.csv").read_text("utf-8")
    for printed, name in zip(told, ("accuracy_declared", "accuracy_twin"), strict=True):
        mean = float((requests[name][first] * weight).sum() / weight.sum())
        value = metrics["value"][metrics["metric"] == name][0]
        assert math.isclose(float(value), mean, abs_tol=1e-9)
        assert math.isclose(printed, 100.0 * mean, abs_tol=0.051)
        assert re.search(rf"^{name},.*by energy|^{name},.*the same", report, re.MULTILINE)


@pytest.mark.parametrize(
    ("way", "rules"),
    [
        ("bids", ("optimal",)),
        pytest.param("prices", ("optimal", "merit"), marks=pytest.mark.slow),
    ],
)
def test_a_study_and_its_summary(
    way: str,
    rules: tuple[str, ...],
    scenario: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    arguments = [
        *("--scenario", scenario, "--out", str(out), "--region-every", "24"),
        *("--policy", "water_value", "--way", way),
        *(part for rule in rules for part in ("--rule", rule)),
        *("--request", "2016-06-13T12:00 down 100kW 1h lead 1h"),
    ]
    code = called(*arguments)
    shown = capsys.readouterr()
    assert code == 0, shown.err
    requests = read_study(out).table("requests")
    assert requests["rule"].tolist() == list(rules)
    assert requests["verdict"].tolist() == ["partly accepted"] * len(rules)
    assert requests["way"].tolist() == [way] * len(rules)
    _accuracy_is_by_energy(out, shown.out)
    for told in ("water_value", *rules, "deliverable", "accuracy", "rebound"):
        assert told in shown.out
    assert "AC violations" in shown.out
    assert "schedule as played" in shown.out
    assert "<html" in (out / "report.html").read_text("utf-8")
    assert shown.err.count("nearest feasible") == len(rules)
    # A finished study is never overwritten.
    assert called(*arguments) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_all_bad_options_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    out, untrained = tmp_path / "out", tmp_path / "untrained"
    untrained.mkdir()
    code = called(
        *("--feeder", "no_such_feeder", "--out", str(out), "--policy", "clever"),
        *("--policy", str(untrained)),
        *("--rule", "none", "--rule", "none", "--request", "soon", "--share", "2"),
        *("--way", "shouting", "--gate-closure", "-1", "--region-every", "0", "--png"),
    )
    told = capsys.readouterr().err
    assert code == 2
    for part in (
        "no_such_feeder",
        "'clever' is no folder and no policy",
        str(untrained),
        "none is given 2 times",
        '"soon": is no request',
        "--share: found 2",
        "--way: 'shouting' is unknown",
        "--gate-closure",
        "--region-every",
        "--png: PNG files",
    ):
        assert part in told
    assert "Traceback" not in told
    assert not out.exists()


def test_requests_that_cannot_be_end_the_command(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = called(
        *("--scenario", scenario, "--out", str(out)),
        *("--request", "2016-06-13T12:00 down 2kW 1h lead 0.25h"),
        *("--request", "2016-06-14T12:00 down 2kW 1h"),
    )
    told = capsys.readouterr().err
    assert code == 2
    assert "below the gate closure" in told
    assert "outside of the days" in told
    assert not out.exists()


def test_a_feeder_without_devices_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bare.toml"
    text = TOML.replace("pv_kwp = 6.0\nbattery_kwh = 8.0\nbattery_kw = 4.0\n", "")
    file.write_text(text.replace("heat_pump_kw = 3.0\n", ""), "utf-8")
    code = called("--scenario", str(file), "--out", str(tmp_path / "out"))
    told = capsys.readouterr().err
    assert code == 2
    assert "no device on the feeder can move" in told
    assert "nearest feasible request is 0 kW" in told
