"""The final evaluation of a training: what its policies reach on days it never saw.

Judged is the file, as anybody will load it, beside the yardsticks of `cosim compare` and by the
same machinery. The result is a file of the training's folder; same seed, same bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from cosim.compare_run import Plan, played_content
from cosim.errors import PolicyError
from cosim.scenario import Scenario
from cosim.studies.comparison import LineUp, Progress
from cosim.studies.comparison_folder import ComparisonContent, facts_of, json_text
from cosim.studies.comparison_summary import summary_of
from cosim.studies.held_out_worlds import chosen_days
from cosim.whole_files import write_text
from policies.incentives import probe_of
from policies.players import BASELINE, BEST_BIDDER, OPTIMUM, PLAYERS, YARDSTICKS, trained_players
from policies.training_folder import HELD_OUT, POLICIES

TRAINED: Final = "trained"
"""Name under which the policies of a training play in its final evaluation."""

DEVIATORS: Final = 4
"""Prosumers on whom it is measured what one follower could gain by acting otherwise."""

PLAYED_BESIDE: Final = (BASELINE, "water_value", BEST_BIDDER)


def evaluation_plan(days: int, seeds: int) -> Plan:
    """Return which held-out days are played: single ones, spread over the year and weekdays."""
    return Plan(chosen_days(days), 1, seeds)


def evaluate(
    folder: Path, scenario: Scenario, plan: Plan, *, command: str, progress: Progress
) -> dict[str, Any]:
    """Play the policies in `folder` beside the yardsticks, keep what came out there and return it.

    `command` is what made the policies.

    Raises:
        PolicyError: there are no usable policies.
    """
    content = played_content(
        scenario, line_up(folder, scenario), plan, reference=BEST_BIDDER, progress=progress
    )
    found = held_out_facts(content, command=command, digest=digest_of(folder / POLICIES))
    text = json_text(found)
    write_text(folder / HELD_OUT, text)
    return dict(json.loads(text))


def line_up(folder: Path, scenario: Scenario) -> LineUp:
    """Return who is played: yardsticks, learned followers alone, and both learned sides, last."""
    players = {name: PLAYERS[name](scenario) for name in PLAYED_BESIDE}
    trained = trained_players(folder, TRAINED, scenario)
    return LineUp(
        (*players.values(), *trained),
        players[BASELINE],
        (YARDSTICKS[OPTIMUM],),
        probe_of(DEVIATORS),
    )


def held_out_facts(content: ComparisonContent, *, command: str, digest: str) -> dict[str, Any]:
    """Return what a comparison found, with all that says whose and of what it is."""
    world = content.world
    return {
        **facts_of(content),
        "player": content.line_up.players[-1].name,
        "policies_sha256": digest,
        "command": command,
        "prosumers": int(world.fleet.bus.shape[1]),
        "homes": float(world.fleet.homes[0].sum()),
        "day_ahead_label": world.day_ahead_label,
        "imbalance_label": world.imbalance_label,
        "ratings_assumed": content.ratings_assumed,
        "data_notice": content.notice,
    }


def read_held_out(folder: Path) -> dict[str, Any] | None:
    """Return the final evaluation of a training, None where there was none.

    Raises:
        PolicyError: it is damaged, or it is of other policies than those beside it.
    """
    file = folder / HELD_OUT
    if not file.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        shown = {*summary_of(found).estimates} >= {str(found["player"])}
        digest = str(found["policies_sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PolicyError(
            f"{file}: is no evaluation that `cosim train` left ({type(error).__name__}: {error}); "
            "use a copy, or remove it to go without"
        ) from error
    if not shown:
        raise PolicyError(f"{file}: holds no figures of the player {found['player']!r}")
    here = digest_of(folder / POLICIES)
    if digest != here:
        raise PolicyError(
            f"{file}: is of policies with SHA-256 {digest[:12]}..., {POLICIES} beside it has "
            f"{here[:12]}...; put back the file, or remove the evaluation to go without"
        )
    return found


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise PolicyError(f"{file}: cannot be read ({error.strerror})") from error
