"""Prosumers from a CSV file."""

from pathlib import Path

import pytest

from cosim.cli import main
from cosim.errors import ScenarioError
from cosim.run_folder import read_run
from cosim.scenario_checks import load_scenario


def written(folder: Path, text: str) -> Path:
    file = folder / "prosumers.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_become_prosumers_and_columns_left_out_have_their_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "bus,pv_kwp,battery_kwh,battery_kw\n11,6,5,2.5\n12,0,0,0\n")
    scenario = load_scenario(None, {}, None, prosumers=file)
    assert [each.bus for each in scenario.prosumers] == [11, 12]
    assert scenario.prosumers[0].pv_kwp == 6.0
    assert scenario.prosumers[1].vehicle_kwh_per_day == 8.0


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "bus,pv_kwp\n11,-3\nx,4\n12.5,1\n",
            [
                "prosumers.csv, row 3: bus is 'x'; allowed is a finite number",
                "prosumers.csv, row 4: bus is 12.5; allowed is a whole number",
            ],
        ),
        ("bus;pv_kwp\n11;3\n", ["prosumers.csv: is separated by semicolons"]),
        ("pv_kwp\n3\n", ["prosumers.csv: column 'bus' is missing"]),
        ("bus,pv_kw\n11,3\n", ["prosumers.csv: unknown column 'pv_kw' (did you mean 'pv_kwp'?)"]),
        ("bus,battery_kwh\n11,5\n", ["prosumers.csv, row 2: battery_kwh = 5 with battery_kw = 0"]),
        (
            "bus,pv_kwp\n\n11,-3\n99,4\n12,-4\n",
            [
                "prosumers.csv, row 3: pv_kwp: must be at least 0 (found -3.0)",
                "prosumers.csv, row 5: pv_kwp: must be at least 0 (found -4.0)",
                "prosumers.csv, row 4: bus 99 of cigre_lv does not exist",
            ],
        ),
    ],
)
def test_everything_wrong_is_told_with_its_row(
    tmp_path: Path, text: str, problems: list[str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, {}, None, prosumers=written(tmp_path, text))
    assert len(caught.value.problems) == len(problems), caught.value.problems
    for told, expected in zip(caught.value.problems, problems, strict=True):
        assert told.startswith(expected)


def test_a_day_with_prosumers_from_a_file(tmp_path: Path) -> None:
    """The run folder holds them, so that it stands without the file."""
    file = written(tmp_path, "bus,pv_kwp\n5,6\n7,9\n")
    out = tmp_path / "run"
    arguments = ["run", "--feeder", "ieee33", "--days", "1", "--limits", "ansi_b"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--prosumers", str(file), "--out", str(out)])
    assert not end.value.code
    scenario = read_run(out).scenario
    assert [each.pv_kwp for each in scenario.prosumers] == [6.0, 9.0]
    assert scenario.feeder.limits == "ansi_b"
