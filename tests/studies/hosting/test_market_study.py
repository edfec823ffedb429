"""A whole study with levers that play the market, alone and by two workers."""

from pathlib import Path

import pytest

from cosim.run_folder import hashes_of
from cosim.studies.hosting.folder import HostingContent, host
from cosim.studies.hosting.lever_choice import all_levers, compared_levers, steps
from cosim.studies.hosting.market_kinds import ON_DAYS
from cosim.studies.sweep_runners import Processes
from policies.hosting_ways import lever_kinds
from tests.studies.hosting.hosting_cases import settings_for

WAYS = ["curtailment", "p2p_water_value"]
SETTINGS = settings_for(
    scenarios=12,
    levers=WAYS,
    criteria={"preset": "ansi_a"},
    window={"days": ["2016-05-24"]},
    market={"resolution_share": 0.05, "grid_levels": 0},
    curve_scenarios=2,
    curve_levels=20,
    **dict.fromkeys(("nodal", "optimal", "hourly", "sensitivity"), False),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HostingContent]:
    folder = tmp_path_factory.mktemp("market") / "study"
    return folder, host(SETTINGS, folder, kinds=lever_kinds)


@pytest.mark.slow
def test_market_levers_are_held_against_nobody_acting_on_their_days(
    done: tuple[Path, HostingContent],
) -> None:
    tables = done[1].tables
    summary = tables["summary"][tables["summary"].criterion == "all"].set_index("lever")
    assert summary.index.tolist() == ["fit_and_forget", ON_DAYS, *WAYS]
    assert summary.reference.tolist() == ["fit_and_forget", ON_DAYS, ON_DAYS, ON_DAYS]
    wide = tables["scenarios"].pivot(index="scenario", columns="lever", values="hosting_kw")
    # The same search, so the same levels; the core's own series is finer.
    assert (wide[ON_DAYS] <= wide["fit_and_forget"] + 0.1).all()
    assert (wide[ON_DAYS] * 1.06 >= wide["fit_and_forget"]).all()
    gained = 100.0 * (wide["curtailment"] - wide[ON_DAYS]) / wide[ON_DAYS]
    assert summary.uplift_percent["curtailment"] == pytest.approx(gained.mean())
    assert summary.uplift_low["curtailment"] > 0.0
    parts = tables["steps"]
    assert list(zip(parts.lever, parts.below, strict=True)) == [
        ("curtailment", ON_DAYS),
        ("p2p_water_value", "curtailment"),
    ]
    assert parts.gained_percent.sum() == pytest.approx(summary.uplift_percent["p2p_water_value"])


@pytest.mark.slow
def test_curves_of_market_levers_have_nine_of_the_levels(
    done: tuple[Path, HostingContent],
) -> None:
    levels = done[1].tables["levels"]
    count = levels.groupby("lever").level_kw.nunique()
    assert count.to_dict() == {"fit_and_forget": 20, ON_DAYS: 9, **dict.fromkeys(WAYS, 9)}
    whole = set(levels[levels.lever == "fit_and_forget"].level_kw)
    assert set(levels.level_kw) == whole


@pytest.mark.slow
def test_pandapower_solves_the_states_of_market_levers_again(
    done: tuple[Path, HostingContent],
) -> None:
    check = done[1].facts["reference_check"]
    assert check["states"] > 3 * (1 + len(WAYS))
    assert check["unsolved"] == 0
    assert check["voltage_pu"] < 1e-8


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(done: tuple[Path, HostingContent], tmp_path: Path) -> None:
    folder = tmp_path / "spread"
    host(SETTINGS, folder, kinds=lever_kinds, runner=Processes(2))
    spread, alone = hashes_of(folder), hashes_of(done[0])
    assert set(spread) == set(alone)
    for name in alone.keys() - {"manifest.json"}:
        assert spread[name] == alone[name], name


def test_steps_pass_over_levers_that_are_not_compared() -> None:
    kinds = lever_kinds()
    asked = settings_for(levers=["p2p_learned", "curtailment", "export_limit"])
    assert steps(asked, kinds) == (
        ("p2p_learned", "curtailment"),
        ("curtailment", ON_DAYS),
    )
    assert compared_levers(asked, kinds)[:2] == ("fit_and_forget", ON_DAYS)
    alone = settings_for(levers=["p2p_water_value"])
    assert steps(alone, kinds) == (("p2p_water_value", ON_DAYS),)
    assert steps(settings_for(levers=["volt_var"]), kinds) == ()


def test_the_ladder_of_all_levers_has_one_thing_a_step() -> None:
    kinds = lever_kinds()
    asked = settings_for(levers=["fit_and_forget"], window={"kind": "typical"})
    asked = asked.model_copy(update={"levers": all_levers(asked, kinds)})
    assert steps(asked, kinds) == (
        ("curtailment", ON_DAYS),
        ("storage_curtailment", "curtailment"),
        ("p2p_water_value", "storage_curtailment"),
        ("p2p_fictitious_play", "p2p_water_value"),
        ("p2p_learned", "p2p_water_value"),
    )
