"""`cosim flexibility` as people call it: a study, and bad input told all at once."""

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


def test_a_study_of_two_policies(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = called(
        *("--scenario", scenario, "--out", str(out), "--region-every", "12"),
        *("--policy", "water_value", "--policy", "fictitious_play", "--rule", "optimal"),
        *("--request", "2016-06-13T12:00 down 100kW 1h lead 1h", "--way", "prices"),
    )
    shown = capsys.readouterr()
    assert code == 0, shown.err
    study = read_study(out)
    requests = study.table("requests")
    assert requests["policy"].tolist() == ["water_value", "fictitious_play"]
    assert requests["verdict"].tolist() == ["partly accepted"] * 2
    assert requests["way"].tolist() == ["prices"] * 2
    for told in ("water_value", "fictitious_play", "deliverable", "accuracy", "rebound"):
        assert told in shown.out
    assert "AC violations" in shown.out
    assert "schedule as played" in shown.out
    assert shown.err.count("nearest feasible") == 2
    # A finished study is never overwritten.
    again = called(
        *("--scenario", scenario, "--out", str(out), "--region-every", "12"),
        *("--policy", "water_value", "--policy", "fictitious_play", "--rule", "optimal"),
        *("--request", "2016-06-13T12:00 down 100kW 1h lead 1h", "--way", "prices"),
    )
    assert again == 2
    assert "never overwritten" in capsys.readouterr().err


def test_all_bad_options_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = called(
        *("--feeder", "no_such_feeder", "--out", str(out), "--policy", "clever"),
        *("--rule", "none", "--rule", "none", "--request", "soon", "--share", "2"),
        *("--way", "shouting", "--gate-closure", "-1", "--region-every", "0"),
    )
    told = capsys.readouterr().err
    assert code == 2
    for part in (
        "no_such_feeder",
        "'clever' is no folder and no policy",
        "none is given 2 times",
        '"soon": is no request',
        "--share: found 2",
        "--way: 'shouting' is unknown",
        "--gate-closure",
        "--region-every",
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
