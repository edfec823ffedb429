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
        "run.seed: Input should be greater than or equal to 0 (found -1)",
        "2016-12-30",  # with a bad seed, the dates are checked all the same
        "voltage limits 0.9 to 0.5 p.u.",
        "community.battery_kwh_per_kwp: Input should be greater than 0 (found -2.0)",
        "community.battery_charge_efficiency: Input should be less than or equal to 1 (found 1.2)",
        "community.vehicel_share: unknown setting, did you mean 'vehicle_share'?",
        "prosumers.0.bus: bus 999 of cigre_lv does not exist; allowed are 0-43",
        "prosumers.1.battery_kwh: Input should be greater than or equal to 0 (found -3.0)",
        "prosumers.2.bus: bus 998 of cigre_lv does not exist",
        "prosumers.2.pv_kwp: Input should be a finite number (found nan)",
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
        ('[run]\nstart = "yesterday"', "run.start: Input should be a valid date"),
        ("[run]\ndays = 2.5", "run.days: Input should be a valid integer"),
        ("[run]\ndays = 0", "run.days: Input should be greater than or equal to 1 (found 0)"),
        ("[rum]\ndays = 1", "rum: unknown setting, did you mean 'run'?"),
        (
            "[wholesale.day_ahaed]",
            "wholesale.day_ahaed: unknown setting, did you mean 'day_ahead'?",
        ),
        (
            "[wholesale.day_ahead]\nfil = 1",
            "wholesale.day_ahead.fil: unknown setting, did you mean",
        ),
        ("[[prosumers]]\nbus = 1\nxyz = 2", "prosumers.0.xyz: unknown setting. Allowed here: bus,"),
        ("[[prosumers]]\npv_kwp = 1.0", "prosumers.0.bus: Field required"),
        ("run = 3", "run: must be a table (found 3)"),
        ("prosumers = 3", "prosumers: must be a list (found 3)"),
        (
            '[grid]\nrule = "strict"',
            "grid.rule: Input should be 'optimal', 'pro_rata', 'merit', 'lifo', 'max_min' or "
            "'none'",
        ),
        ("[tariff]\nfeed_in_eur_per_kwh = 0.9", "must not exceed the retail price"),
        ("not TOML", "is not valid TOML"),
        ("\ufeff[run]", "is not valid TOML"),
    ],
)
def test_one_bad_setting_gives_one_message(text: str, part: str, tmp_path: Path) -> None:
    problems = problems_of(text, tmp_path)
    assert part in problems
    assert len(problems.splitlines()) == 1


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
    assert problems.startswith("wholesale.day_ahead: ")


def test_a_misspelt_feeder_says_nothing_about_its_buses(tmp_path: Path) -> None:
    text = '[feeder]\nname = 7\n[[prosumers]]\nbus = 999\n[run]\nstart = "x"'
    problems = problems_of(text, tmp_path).splitlines()
    assert [problem.split(":")[0] for problem in problems] == ["run.start", "feeder.name"]
