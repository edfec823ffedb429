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


def test_empty_cells_have_their_defaults(tmp_path: Path) -> None:
    """A fleet of different devices can be written, and one with devices alone."""
    file = written(tmp_path, "bus,homes,pv_kwp,heat_pump_kw,vehicle_kw\n11,,6,,\n12,0,,4,11\n")
    first, second = load_scenario(None, {}, None, prosumers=file).prosumers
    assert (first.pv_kwp, first.heat_pump_kw, first.homes) == (6.0, 0.0, 1.0)
    assert (second.pv_kwp, second.heat_pump_kw, second.homes) == (0.0, 4.0, 0.0)


def test_semicolons_with_decimal_commas_and_capital_letters_are_read(tmp_path: Path) -> None:
    file = written(tmp_path, "Bus;PV_kWp\n11;6,5\n12;3.5\n")
    scenario = load_scenario(None, {}, None, prosumers=file)
    assert [each.pv_kwp for each in scenario.prosumers] == [6.5, 3.5]


@pytest.mark.parametrize("text", ["bus_name\nbus r11\nBus I1\n", "bus\nBus R11\n21\n"])
def test_buses_are_told_by_their_names(tmp_path: Path, text: str) -> None:
    scenario = load_scenario(None, {}, None, prosumers=written(tmp_path, text))
    assert [each.bus for each in scenario.prosumers] == [12, 21]


def test_of_many_problems_only_the_first_are_spelt_out(tmp_path: Path) -> None:
    file = written(tmp_path, "bus,pv_kwp\n" + "11,-1\n" * 264)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, {}, None, prosumers=file)
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1] == "prosumers.csv: and 214 more problems"
    file.write_text('{"bus": [\n' + "  1, 2,\n" * 100 + "]}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, {}, None, prosumers=file)
    assert len(caught.value.problems) <= 51


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "bus,pv_kwp\n11,-3\nx,4\n12.5,1\n",
            [
                "prosumers.csv, row 2: pv_kwp: must be between 0 and 1000000 (found -3.0)",
                "prosumers.csv, row 3: bus 'x' of cigre_lv does not exist",
                "prosumers.csv, row 4: bus: must be a whole number (found 12.5)",
            ],
        ),
        ("bus|pv_kwp\n11|3\n", ["prosumers.csv: is separated by bars"]),
        ("pv_kwp\n3\n", ["prosumers.csv: column 'bus' is missing"]),
        ("bus,pv_kw\n11,3\n", ["prosumers.csv: unknown column 'pv_kw' (did you mean 'pv_kwp'?)"]),
        ("bus,battery_kwh\n11,5\n", ["prosumers.csv, row 2: battery_kwh = 5 with battery_kw = 0"]),
        (
            "bus,pv_kwp\n\n11,-3\n99,4\n12,-4\n",
            [
                "prosumers.csv, row 3: pv_kwp: must be between 0 and 1000000 (found -3.0)",
                "prosumers.csv, row 4: bus 99 of cigre_lv does not exist",
                "prosumers.csv, row 5: pv_kwp: must be between 0 and 1000000 (found -4.0)",
            ],
        ),
        (
            "bus,homes,pv_kwp\n99,1,1\n11,1,-5\n0,1,1\n11,nan,1\n11,1,1e9\n",
            [
                "prosumers.csv, row 2: bus 99 of cigre_lv does not exist",
                "prosumers.csv, row 3: pv_kwp: must be between 0 and 1000000 (found -5.0)",
                "prosumers.csv, row 4: bus 0 of cigre_lv is the supply itself",
                "prosumers.csv, row 5: homes: must be a finite number (found 'nan')",
                "prosumers.csv, row 6: pv_kwp: must be between 0 and 1000000 (found 1000000000.0)",
            ],
        ),
        (
            "bus,vehicle_kwh_per_day\n11,12\n",
            ["prosumers.csv, row 2: vehicle_kwh_per_day = 12 without vehicle_kw"],
        ),
        ("bus,pv\n11,3\n", ["prosumers.csv: unknown column 'pv' (did you mean 'pv_kwp'?)"]),
        (
            "bus,bus_name\n11,Bus R1\n,Bus R111\n",
            [
                "prosumers.csv, row 2: bus 11 and bus_name 'Bus R1', which is bus 2, differ",
                "prosumers.csv, row 3: bus 'Bus R111' of cigre_lv does not exist; did you mean",
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
