"""Which learned policies act in a run, and what is known of them: kept in its manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cosim.scenario import Scenario


@dataclass(frozen=True, slots=True, eq=False)
class LearnedPolicies:
    """The policies of one folder that act in a run."""

    folder: str  # its name
    sides: tuple[str, ...]  # "leader", "followers"
    policies_sha256: str
    other_settings: tuple[str, ...]  # settings of the run that differ from those of the training
    held_out: Mapping[str, Any] | None  # final evaluation of the training, None if there was none

    @property
    def entry(self) -> dict[str, Any]:
        """Return them as the manifest keeps them."""
        return asdict(self)


def who_acts(scenario: Scenario, learned: Sequence[LearnedPolicies]) -> str:
    """Return who acts on both sides, e.g. "leader learned (default), followers water_value"."""
    folders = {side: each.folder for each in learned for side in each.sides}
    policies = {"leader": scenario.leader.policy, "followers": scenario.followers.policy}
    return ", ".join(
        f"{side} {policy} ({folders[side]})" if side in folders else f"{side} {policy}"
        for side, policy in policies.items()
    )
