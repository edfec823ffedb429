"""What is known of the learned policies that a scenario names."""

import tomllib
from pathlib import Path
from typing import Any, Final

from cosim.learned_policies import LearnedPolicies
from cosim.scenario import Scenario
from cosim.scenario_text import scenario_toml
from cosim.whole_files import unequal
from policies.registry import PRETRAINED

NOT_OF_A_COMMUNITY: Final = ("run", "leader", "followers")
"""Sections that say when is played and by whom, not on what."""
COMPARED_ONLY: Final = "grid.compare_with_none"


def learned_of(scenario: Scenario) -> tuple[LearnedPolicies, ...]:
    """Return the learned policies that act in `scenario`, one entry a folder.

    Raises:
        PolicyError: a folder holds no usable trained policies, or a damaged evaluation.
    """
    sides: dict[Path, list[str]] = {}
    for side in ("leader", "followers"):
        settings = getattr(scenario, side)
        if settings.policy == "learned":
            folder = PRETRAINED if settings.trained is None else settings.trained.resolve()
            sides.setdefault(folder, []).append(side)
    return tuple(_learned(folder, tuple(those), scenario) for folder, those in sides.items())


def _learned(folder: Path, sides: tuple[str, ...], scenario: Scenario) -> LearnedPolicies:
    from policies import checkpoints  # torch takes a second
    from policies.held_out_evaluation import digest_of, read_held_out
    from policies.training_folder import POLICIES

    content = checkpoints.read(folder / POLICIES, "policies")
    return LearnedPolicies(
        folder=folder.name,
        sides=sides,
        policies_sha256=digest_of(folder / POLICIES),
        other_settings=other_settings(str(content["scenario"]), scenario),
        held_out=read_held_out(folder),
    )


def other_settings(trained_on: str, scenario: Scenario) -> tuple[str, ...]:
    """Return how a scenario differs from that of a training, given as TOML, a phrase a setting."""
    theirs, ours = (_of_community(text) for text in (trained_on, scenario_toml(scenario)))
    found = []
    for name, there, here in unequal(theirs, ours):
        if name == "prosumers":
            found.append(f"prosumers given by hand: {_count(there)} there, {_count(here)} here")
        elif name != COMPARED_ONLY:
            found.append(f"{name}: {_shown(there)} there, {_shown(here)} here")
    return tuple(found)


def _of_community(text: str) -> dict[str, Any]:
    content = tomllib.loads(text)
    return {name: part for name, part in content.items() if name not in NOT_OF_A_COMMUNITY}


def _count(prosumers: Any) -> str:
    return str(len(prosumers)) if prosumers else "none"


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
