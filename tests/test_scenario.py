import datetime
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import ScenarioError
from cosim.scenario import Followers, Prices, ProsumerSettings, Run, Scenario, Wholesale
from cosim.scenario_checks import check_scenario, load_scenario
from cosim.scenario_text import scenario_toml
from networks.catalog import load_feeder


@pytest.fixture(autouse=True, scope="module")
def feeders_loaded_once() -> Iterator[None]:
    """Load each feeder once for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cosim.scenario_checks.load_feeder", functools.cache(load_feeder))
        yield


def problems_of(text: str, folder: Path, **given_options: Any) -> str:
    """Return all problems of a scenario file as one text."""
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, given_options.get("overrides", {}), given_options.get("out"))
    return "\n".join(caught.value.problems)


def test_the_printed_default_reads_back_to_the_default() -> None:
    assert Scenario.model_validate(tomllib.loads(scenario_toml(Scenario()))) == Scenario()


def test_the_printed_default_explains_every_setting() -> None:
    lines = scenario_toml(Scenario()).splitlines()
    settings = [at for at, line in enumerate(lines) if " = " in line and not line.startswith("# ")]
    unexplained = [
        lines[at]
        for at in settings
        if not lines[at - 1].startswith("# ") and "  # " not in lines[at]
    ]
    assert len(settings) > 60
    assert unexplained == []


def test_the_printed_default_with_all_examples_taken_is_valid() -> None:
    lines = scenario_toml(Scenario()).splitlines()
    taken = [
        line.removeprefix("#") if line[:1] == "#" != line[:2].strip() else line for line in lines
    ]
    scenario = Scenario.model_validate(tomllib.loads("\n".join(taken)))
    assert scenario.prosumers == (ProsumerSettings(bus=11),)
    assert scenario.feeder.voltage_max_pu == 1.10
    assert scenario.wholesale.day_ahead.file == Path("prices.csv")


@given(
    days=st.integers(1, 366),
    start=st.dates(datetime.date(2016, 1, 1), datetime.date(2016, 12, 31)),
    spread=st.floats(0.0, 1e3),
    time_zone=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    buses=st.lists(st.integers(0, 99), max_size=3),
)
def test_any_scenario_reads_back_as_it_was_written(
    days: int, start: datetime.date, spread: float, time_zone: str | None, buses: list[int]
) -> None:
    scenario = Scenario(
        run=Run(days=days, start=start),
        followers=Followers(half_spread_eur_per_kwh=spread),
        wholesale=Wholesale(day_ahead=Prices(time_zone=time_zone)),
        prosumers=tuple(ProsumerSettings(bus=bus, pv_kwp=spread) for bus in buses),
    )
    assert Scenario.model_validate(tomllib.loads(scenario_toml(scenario))) == scenario


def test_the_default_has_no_problem(tmp_path: Path) -> None:
    assert check_scenario(Scenario(), out=tmp_path / "new") == []
    assert load_scenario(None, {}, tmp_path / "new") == Scenario()


def test_options_replace_settings_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[run]\ndays = 3\nseed = 4\n", encoding="utf-8")
    scenario = load_scenario(file, {"run": {"days": 1, "start": "2016-01-31"}}, None)
    assert scenario.run == Run(start=datetime.date(2016, 1, 31), days=1, seed=4)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "precious.txt").touch()
    text = """
        [run]
        start = 2016-12-30
        days = 7
        seed = -1
        [feeder]
        name = "cigre_lv"
        voltage_max_pu = 0.5
        [community]
        battery_kwh_per_kwp = -2.0
        battery_charge_efficiency = 1.2
        vehicel_share = 0.1
        [[prosumers]]
        bus = 999
        [[prosumers]]
        bus = 11
        battery_kwh = -3.0
        [[prosumers]]
        bus = 998
        pv_kwp = nan
        [wholesale.day_ahead]
        source = "file"
    """
    problems = problems_of(text, tmp_path, out=occupied)
    for part in (
        "run.seed: must be at least 0 (found -1)",
        "2016-12-30",  # with a bad seed, the dates are checked all the same
        "voltage limits 0.9 to 0.5 p.u.",
        "community.battery_kwh_per_kwp: must be above 0 (found -2.0)",
        "community.battery_charge_efficiency: must be above 0 and at most 1 (found 1.2)",
        "community.vehicel_share: unknown setting, did you mean 'vehicle_share'?",
        "prosumers[1].bus (first [[prosumers]] table): bus 999 of cigre_lv does not exist; "
        "allowed are 2-19, 21-22, 24-43",
        "prosumers[2].battery_kwh (second [[prosumers]] table): must be between 0 and 1000000 "
        "(found -3.0)",
        "prosumers[3].bus (third [[prosumers]] table): bus 998 of cigre_lv does not exist",
        "prosumers[3].pv_kwp (third [[prosumers]] table): must be a finite number (found nan)",
        'wholesale.day_ahead: source = "file" needs file = "PATH"',
        f"--out {occupied}: exists and is not empty",
    ):
        assert part in problems
    assert len(problems.splitlines()) == 12


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[feeder]\nname = "cigre_vl"', "feeder: unknown feeder 'cigre_vl'; did you mean"),
        ("[feeder]\nvoltage_min_pu = 1.05\nvoltage_max_pu = 0.95", "must be below voltage_max_pu"),
        ("[feeder]\nvoltage_min_pu = 1.2", "voltage limits 1.2 to 1.1 p.u."),
        ("[run]\nstart = 2015-12-31", "the profiles cover 2016-01-01 to 2016-12-31"),
        ("[run]\nstart = 9999-12-31", "the profiles cover 2016-01-01 to 2016-12-31"),
        (
            '[run]\nstart = "yesterday"',
            "run.start: must be a date of the form YYYY-MM-DD (found 'yesterday')",
        ),
        ("[run]\ndays = 2.5", "run.days: must be a whole number (found 2.5)"),
        ("[run]\ndays = 0", "run.days: must be between 1 and 366 (found 0)"),
        ("[rum]\ndays = 1", "rum: unknown setting, did you mean 'run'?"),
        (
            "[wholesale.day_ahaed]",
            "wholesale.day_ahaed: unknown setting, did you mean 'day_ahead'?",
        ),
        (
            "[wholesale.day_ahead]\nfil = 1",
            "wholesale.day_ahead.fil: unknown setting, did you mean",
        ),
        (
            "[[prosumers]]\nbus = 2\nxyz = 2",
            "prosumers[1].xyz (first [[prosumers]] table): unknown setting. Allowed here: bus,",
        ),
        ("[[prosumers]]\npv_kwp = 1.0", "prosumers[1].bus (first [[prosumers]] table): is missing"),
        ("run = 3", "run: must be a table (found 3)"),
        ("prosumers = 3", "prosumers: must be a list (found 3)"),
        (
            '[grid]\nrule = "strict"',
            "grid.rule: must be 'optimal', 'pro_rata', 'merit', 'lifo', 'max_min' or 'none'",
        ),
        (
            "[wholesale]\nbalancing_share = 1.5",
            "wholesale.balancing_share: must be between 0 and 1 (found 1.5)",
        ),
        (
            '[wholesale]\nbalancing_share = "half"',
            "wholesale.balancing_share: must be a number (found 'half')",
        ),
        ("[community]\npv_share = 2", "community.pv_share: must be between 0 and 1 (found 2)"),
        ("[community]\npv_kwp = 0", "for none of them set community.pv_share = 0"),
        ("[community]\nvehicle_kw = 0.5", "vehicle_kwh_per_day = 8 is more than vehicle_kw = 0.5"),
        ("[leader]\nblock_starts_h = []", "one or more different hours in ascending order"),
        ("[leader]\nblock_starts_h = [0, 6, 6]", "different hours in ascending order"),
        ("[leader]\nblock_starts_h = [6, 0]", "different hours in ascending order"),
        ("[leader]\nblock_starts_h = [0, 24]", "leader.block_starts_h[2]: must be at most 23"),
        ("[[prosumers]]\nbus = 2\nbattery_kwh = 5.0", "with battery_kw = 0 is no battery"),
        ("[[prosumers]]\nbus = 2\nbattery_kw = 5.0", "battery_kwh = 0 with battery_kw = 5"),
        (
            "[[prosumers]]\nbus = 2\nvehicle_kw = 2.0\nvehicle_kwh_per_day = 16.1",
            "charges in 8 h at home; allowed is 16 kWh or less",
        ),
        (
            "[feeder]\nvoltage_min_pu = 1.0",
            "feeder.voltage_min_pu: 1 must be below 1 p.u., the voltage at which cigre_lv",
        ),
        ("[feeder]\nvoltage_max_pu = 0.99", "must be above 1 p.u., the voltage at which cigre_lv"),
        ("[tariff]\nfeed_in_eur_per_kwh = 0.9", "must not exceed the retail price"),
        ("not TOML", "is not valid TOML"),
        ("\ufeff[run]", "is not valid TOML"),
    ],
)
def test_one_bad_setting_gives_one_message(text: str, part: str, tmp_path: Path) -> None:
    problems = problems_of(text, tmp_path)
    assert part in problems
    assert len(problems.splitlines()) == 1


@pytest.mark.parametrize("bus", [0, 20])
def test_nobody_lives_at_the_supply(bus: int, tmp_path: Path) -> None:
    problems = problems_of(f"[[prosumers]]\nbus = 12\n[[prosumers]]\nbus = {bus}", tmp_path)
    assert (
        f"prosumers[2].bus (second [[prosumers]] table): bus {bus} of cigre_lv is the" in problems
    )
    assert problems.endswith("no voltage and no loading; allowed are 2-19, 21-22, 24-43")


def test_a_price_file_is_looked_at_whatever_else_is_wrong(tmp_path: Path) -> None:
    text = """
        [run]
        start = 2018-01-01
        [community]
        pv_share = 2
        [[prosumers]]
        bus = 99
        [wholesale]
        imbalance_scheme = "three_price"
        [wholesale.day_ahead]
        source = "file"
        file = "missing.csv"
        [wholesale.imbalance]
        source = "file"
        file = "garbage.csv"
    """
    (tmp_path / "garbage.csv").write_text("a;b;c\n1;2;3\n", encoding="utf-8")
    problems = problems_of(text, tmp_path).splitlines()
    for part in (
        "community.pv_share",
        "2018-01-01",
        "bus 99",
        "missing.csv: cannot be read",
        "garbage.csv: begins with",
        "imbalance_scheme",
    ):
        assert sum(part in problem for problem in problems) == 1, part
    assert len(problems) == 6


def test_the_file_of_a_bad_price_section_must_exist_all_the_same(tmp_path: Path) -> None:
    text = '[wholesale.imbalance]\nsource = "file"\nfile = "missing.csv"\nunit = "ct"'
    unit, missing = problems_of(text, tmp_path).splitlines()
    assert "wholesale.imbalance.unit: must be 'EUR/MWh' or 'EUR/kWh' (found 'ct')" in unit
    assert "missing.csv: cannot be read" in missing


def test_crossed_limits_are_told_beside_a_bad_one(tmp_path: Path) -> None:
    text = "[feeder]\nvoltage_min_pu = 1.1\nvoltage_max_pu = 0.9\nloading_max_percent = -5"
    loading, crossing = problems_of(text, tmp_path).splitlines()
    assert "feeder.loading_max_percent: must be above 0 (found -5)" in loading
    assert "feeder: voltage_min_pu = 1.1 must be below voltage_max_pu = 0.9" in crossing


def test_crossed_limits_do_not_hide_a_bus(tmp_path: Path) -> None:
    text = "[feeder]\nvoltage_min_pu = 1.1\nvoltage_max_pu = 0.9\n[[prosumers]]\nbus = 99"
    crossing, bus = problems_of(text + "\nbattery_kwh = 1", tmp_path).splitlines()[::2]
    assert "must be below" in crossing
    assert "bus 99 of cigre_lv does not exist" in bus


def test_a_bad_number_of_days_does_not_hide_a_bad_first_day() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(None, {"run": {"days": 0, "start": "2017-01-01"}}, None)
    days, start = caught.value.problems
    assert days == "run.days: must be between 1 and 366 (found 0)"
    assert start.startswith("run.start: 2017-01-01 asked for; the profiles cover 2016-01-01")


def test_problems_of_a_file_name_it_and_those_of_options_do_not(tmp_path: Path) -> None:
    problems = problems_of("[run]\nseed = -1\n", tmp_path, overrides={"run": {"days": 0}})
    seed, days = sorted(problems.splitlines())
    assert seed == f"{tmp_path / 'scenario.toml'}: run.seed: must be at least 0 (found -1)"
    assert days == "run.days: must be between 1 and 366 (found 0)"


def test_a_missing_unit_does_not_hide_a_range_that_is_too_short(tmp_path: Path) -> None:
    stamps = [f"2016-06-{day:02}T{hour:02}:00,30.0" for day in (12, 13) for hour in range(24)]
    (tmp_path / "p.csv").write_text("\n".join(["time,price", *stamps]), encoding="utf-8")
    text = (
        '[wholesale.day_ahead]\nsource = "file"\nfile = "p.csv"\ntime_zone = "UTC"\n'
        "first_day = 2016-06-20"
    )
    unit, covered = problems_of(text, tmp_path).splitlines()
    assert 'unit must be stated: unit = "EUR/MWh"' in unit
    assert "covers 2016-06-12 00:00 UTC to 2016-06-14 00:00 UTC, but the run needs" in covered


def test_a_missing_file_and_a_bad_folder_are_told_together(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "none.toml", {}, taken)
    first, second = caught.value.problems
    assert "none.toml: cannot be read (No such file or directory)" in first
    assert "taken: is a file" in second


def test_price_files_are_found_beside_the_scenario_and_checked(tmp_path: Path) -> None:
    text = '[wholesale.day_ahead]\nsource = "file"\nfile = "p.csv"\nunit = "EUR/MWh"\n'
    problems = problems_of(text + 'time_zone = "UTC"', tmp_path)
    assert str(tmp_path / "p.csv") in problems
    hours = ["2016-06-12T22:00,10.0", "2016-06-12T23:00,nan"]
    (tmp_path / "p.csv").write_text("\n".join(["time,price", *hours]), encoding="utf-8")
    problems = problems_of(text + 'time_zone = "UTC"', tmp_path)
    assert problems.startswith(f"{tmp_path / 'scenario.toml'}: wholesale.day_ahead: ")


def test_a_misspelt_feeder_says_nothing_about_its_buses(tmp_path: Path) -> None:
    text = '[feeder]\nname = 7\n[[prosumers]]\nbus = 999\n[run]\nstart = "x"'
    problems = problems_of(text, tmp_path).splitlines()
    assert [problem.split(": ")[1] for problem in problems] == ["run.start", "feeder.name"]
