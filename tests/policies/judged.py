"""Trainings that are over without any learning, and what a final evaluation might have found."""

from pathlib import Path
from typing import Any

from cosim.scenario import ProsumerSettings, Scenario
from cosim.scenario_text import scenario_toml
from cosim.studies.comparison_summary import CAPTURE, METRICS
from networks.catalog import load_feeder
from policies.model_card import Making, model_card
from policies.training import Training, TrainingSettings
from policies.training_folder import finish, open_training, write_policies

COMMAND = "cosim train --scenario two.toml --seed 3 --rounds 1 --out DIR"
SEED = 3
SETTINGS = TrainingSettings(rounds_max=1, follower_iterations=1, leader_updates=1)
STRATA = ["2016-02-05", "2016-06-13", "2016-10-26"]
BASES = {
    **{"no_trade": 30.0, "water_value": 21.5, "fictitious_play": 20.25},
    **{"trained_followers": 20.125, "trained": 20.0},
}


def two_homes() -> Scenario:
    """Return a community of two homes, one with a battery."""
    with_battery = ProsumerSettings(bus=11, pv_kwp=6.0, battery_kwh=6.0, battery_kw=3.0)
    return Scenario(prosumers=(with_battery, ProsumerSettings(bus=15, vehicle_kw=11.0)))


def learned_folder(folder: Path, scenario: Scenario | None = None) -> Training:
    """Leave a training of which all units are behind: its policies are as they were drawn."""
    scenario = scenario or two_homes()
    feeder = load_feeder(scenario.feeder.name)
    training = open_training(folder, scenario, feeder, SETTINGS, seed=SEED)
    training.history = [
        {"unit": 0, "kind": "followers", "round": 0, "samples": 1234.0},
        {"unit": 1, "kind": "leader", "round": 0, "profit_eur_per_day": 1.5},
        {
            **{"unit": 2, "kind": "judge", "round": 0},
            **{"leader_eur_per_day": 1.25, "community_eur_per_day": 7.5},
        },
    ]
    training.position, training.seconds = len(training.units), 90.0
    training.save(folder)
    return training


def finished_folder(folder: Path, held_out: dict[str, Any] | None = None) -> Training:
    """Leave a finished training, with the card of a made-up evaluation."""
    training = learned_folder(folder)
    write_policies(folder, training)
    finish(folder, training, {}, card=card_of(training, held_out))
    return training


def card_of(training: Training, held_out: dict[str, Any] | None) -> str:
    """Return the model card of a training."""
    making = Making(command=COMMAND, seconds=150.0, evaluation_seconds=45.0 if held_out else None)
    return model_card(training, load_feeder(training.scenario.feeder.name), making, held_out)


def made_up(digest: str = "0" * 64, *, seeds: int = 5) -> dict[str, Any]:
    """Return a final evaluation as `held_out.json` has it, with figures that tell players apart."""
    estimates = {
        name: {
            metric.name: _interval(cost + 10.0 * number) for number, metric in enumerate(METRICS)
        }
        for name, cost in BASES.items()
    }
    estimates["optimum"] = {
        "cost_eur_per_day": _interval(19.5),
        CAPTURE: {"value": 100.0, "low": 100.0, "high": 100.0},
    }
    return {
        "format": 1,
        "feeder": "cigre_lv",
        "strata": STRATA,
        "days_of_a_stratum": 1,
        "seeds": seeds,
        "reference": "fictitious_play",
        "value_capture": "(cost of no_trade - cost) / (cost of no_trade - cost of optimum)",
        "players": {
            name: {"kind": "trained" if "trained" in name else "bidding", "told": f"is {name}"}
            for name in BASES
        },
        "estimates": estimates,
        "differences_to_reference": {
            name: {
                metric.name: {
                    "estimate": {"value": cost - 20.25, "low": -0.5, "high": 0.125},
                    "at_least": -0.375,
                    "at_most": 0.0625,
                }
                for metric in METRICS
            }
            for name, cost in BASES.items()
            if name != "fictitious_play"
        },
        "player": "trained",
        "policies_sha256": digest,
        "command": COMMAND,
        "prosumers": 2,
        "homes": 2.0,
        "day_ahead_label": "synthetic (calm)",
        "imbalance_label": "synthetic (calm)",
        "ratings_assumed": False,
        "data_notice": "Load profiles: whoever they are of.",
    }


def _interval(value: float) -> dict[str, float | None]:
    return {"value": value, "low": value - 0.5, "high": value + 0.75}


def written_scenario(folder: Path) -> str:
    """Write `two_homes` as a scenario file and return its path."""
    file = folder / "two.toml"
    file.write_text(scenario_toml(two_homes()), encoding="utf-8")
    return str(file)
