"""The model card of a training: what its policies are, how they were made and what they reached.

Idea: Mitchell et al., "Model Cards for Model Reporting" (arXiv 1810.03993).
"""

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from cosim.run_facts import DISTRIBUTION, git_revision
from cosim.scenario import Scenario
from cosim.studies.comparison_summary import (
    FEW_SEEDS,
    METRICS,
    Metric,
    Summary,
    summary_of,
    verdict,
)
from cosim.studies.held_out import EVERY, training_days
from cosim.studies.incentives import EXPLOITABILITY, GAIN, REGRET
from cosim.studies.statistics import Difference, Estimate
from networks.feeder import Feeder
from policies.checkpoints import LAYOUTS
from policies.training import Training, TrainingSettings

PACKAGES: Final = (DISTRIBUTION, "torch", "stable-baselines3", "numpy", "numba", "highspy")
SHOWN: Final = (
    *("cost_eur_per_day", "value_capture_percent", "leader_eur_per_day", "surplus_eur_per_day"),
    *("worse_off_percent", "violation_intervals_per_day", "curtailed_percent", "local_percent"),
    *("peak_import_kw", EXPLOITABILITY, GAIN, REGRET),
)
COMPARED: Final = SHOWN[:4]
DASH: Final = "-"

LIMITS: Final = (
    "Only this toolkit can play them: they see and do what its environments offer, in the layouts "
    "named above. A version with another layout refuses them.",
    "They were judged on the scenario above. They take devices, prices and forecasts as inputs and "
    "play on other feeders and with other numbers of prosumers, but what they reach there has to "
    "be measured: `cosim compare DIR --scenario FILE --out COMPARISON`.",
    "Held-out days are of the same year as training days and share its few household profiles, "
    "moved in time from home to home. Another year or another country is another question.",
    "Prosumers are assumed to announce the stays of their vehicles, to bid by this policy and to "
    "trust the aggregator's prices. A community of which only a part does so was not looked at.",
    "The leader was trained against these followers. Against others its prices are still allowed "
    "ones, but no longer chosen for them.",
    "They see how near limits are but keep none by themselves: what a feeder cannot carry is "
    "refused by its validation, which has to stay on.",
    "Results of a simulation, not advice for a real tariff, battery or grid.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How the policies were made."""

    command: str
    seconds: float  # of training, all calls together
    evaluation_seconds: float | None  # None without an evaluation


def model_card(
    training: Training, feeder: Feeder, making: Making, held_out: Mapping[str, Any] | None
) -> str:
    """Return the model card of a training as Markdown; `held_out` is its final evaluation."""
    parts = [
        "# Model card",
        _what(training.settings),
        "## Scenario",
        _bullets(scenario_words(training.scenario, feeder)),
        "## How it was made",
        _table(("", ""), list(_made(training, making))),
        "## Held-out results",
        *_results(held_out),
        "## Layouts",
        _table(("side", "layout", "observations", "actions"), _layouts()),
        "## Limits of use",
        _bullets(LIMITS),
    ]
    if held_out is not None:
        parts += ["## Data", str(held_out["data_notice"])]
    return "\n\n".join(parts) + "\n"


def scenario_words(scenario: Scenario, feeder: Feeder) -> Iterator[str]:
    """Yield the scenario in sentences."""
    tariff, market = scenario.tariff, scenario.market
    yield f"Feeder `{feeder.name}`: {feeder.title}, {feeder.bus_count} buses."
    yield _community_words(scenario)
    yield (
        f"Retail price {tariff.retail_eur_per_kwh:g} EUR/kWh, feed-in "
        f"{tariff.feed_in_eur_per_kwh:g} EUR/kWh; fees and levies "
        f"{tariff.passed_on_eur_per_kwh:g} EUR/kWh, of a local trade "
        f"{tariff.local_fees_eur_per_kwh:g} EUR/kWh."
    )
    yield (
        f"Local market: {market.mechanism}. Grid: rule {scenario.grid.rule}, envelopes "
        f"{scenario.grid.envelopes}, charges {scenario.grid.charges}."
    )
    yield (
        "; ".join(
            f"{name} prices: "
            + (f"synthetic, {prices.regime}" if prices.source == "synthetic" else "from a file")
            for name, prices in (
                ("Day-ahead", scenario.wholesale.day_ahead),
                ("imbalance", scenario.wholesale.imbalance),
            )
        )
        + "."
    )
    yield f"Yardsticks have the leader `{scenario.leader.policy}`."
    yield "All settings: `scenario.toml` beside this card."


def _trials(units: list[dict[str, Any]]) -> str:
    """Return how often learned followers took the place of those that were kept."""
    tried = [each for each in units if "taken" in each]
    taken = [each for each in tried if each["taken"]]
    if not taken:
        return f"{len(tried)}, none better than fictitious play, which is what is kept, exactly"
    by = {"search": "a search", "followers": "PPO"}[taken[-1]["kind"]]
    return f"{len(tried)}, of which {len(taken)} took the place of those before; kept: of {by}"


def _community_words(scenario: Scenario) -> str:
    if scenario.prosumers:
        return f"{len(scenario.prosumers)} prosumers given by hand."
    community = scenario.community
    if scenario.takes_devices:
        return "Prosumers own the solar plants, storages, vehicles and heat pumps of the net."
    return (
        f"Of all homes {100 * community.pv_share:g} % have solar panels "
        f"({community.pv_kwp:g} kWp in the mean), "
        f"{100 * community.battery_share_of_pv:g} % of these a battery, "
        f"{100 * community.vehicle_share:g} % an electric vehicle and "
        f"{100 * community.heat_pump_share:g} % a heat pump."
    )


def _what(settings: TrainingSettings) -> str:
    leader, followers = settings.leader, settings.followers
    often = (
        "one decision a day"
        if leader.decisions == 1
        else f"a decision every {leader.requote_every_h:g} h on the rest of the day"
    )
    return (
        "Two policies for the market between an aggregator (leader) and the prosumers of a feeder "
        "(followers). **Followers**: one network for all prosumers, two hidden layers of "
        f"{followers.ppo.hidden} units, that moves the water values of each device's own plan; "
        f"it plays the day on forecasts {settings.passes} times before it bids. Proposed by "
        "a search for constant actions and by PPO, under leaders drawn from everything they may "
        f"announce; kept where trials showed that the community pays less. **Leader**: {often}, "
        f"two hidden layers of {leader.hidden} units, by {leader.algorithm} of stable-baselines3, "
        "against frozen followers. Files: `policies.pt` (weights and plain values, read without "
        "running code), `scenario.toml`, `training.json`, `held_out.json`."
    )


def _made(training: Training, making: Making) -> Iterator[tuple[str, ...]]:
    settings = training.settings
    units = training.history
    count = {kind: sum(each["kind"] == kind for each in units) for kind in ("followers", "leader")}
    rows = sum(int(each.get("samples", 0)) for each in units)
    leader = settings.leader
    yield "command", f"`{making.command}` (DIR: this folder)"
    yield "seed", str(training.seed)
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions().items())
    yield "revision", git_revision() or "not in a checkout"
    yield (
        "training days",
        f"{len(training_days(settings.followers.days))} first days of spans of "
        f"{settings.followers.days}; of every {EVERY} weeks the last is held out",
    )
    yield (
        "samples of followers",
        f"{rows:,} decisions of prosumers; iterations: {count['followers']}",
    )
    yield "trials of followers", _trials(units)
    yield (
        "samples of the leader",
        f"{count['leader'] * leader.environments * leader.days:,} days; updates: {count['leader']}",
    )
    judged = [each for each in units if each["kind"] == "judge"]
    yield "rounds", f"{len(judged)} of at most {settings.rounds_max}"
    alone = [f"{each[EXPLOITABILITY]:.1f} %" for each in judged if EXPLOITABILITY in each]
    if alone:
        yield "forecast exploitability after each round, training days", ", ".join(alone)
    yield "training time", _duration(making.seconds)
    if making.evaluation_seconds is not None:
        yield "evaluation time", _duration(making.evaluation_seconds)


def versions() -> dict[str, str]:
    """Return the versions of Python and of packages that policies depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _results(held_out: Mapping[str, Any] | None) -> Iterator[str]:
    if held_out is None:
        yield (
            "Not measured: trained with `--no-evaluation`. "
            "`cosim compare DIR --scenario DIR/scenario.toml --out COMPARISON` measures them."
        )
        return
    summary = summary_of(held_out)
    days, seeds = list(held_out["strata"]), summary.seeds
    yield (
        f"Days {', '.join(days)}, {seeds} seeds each, {held_out['prosumers']} prosumers; day-ahead "
        f"prices: {held_out['day_ahead_label']}. Interquartile means over seeds with 95 % "
        "bootstrap intervals; metrics as in docs/comparison.md."
    )
    if seeds < FEW_SEEDS:
        yield f"**Intervals of fewer than {FEW_SEEDS} seeds say little and are too narrow.**"
    measured = {name for found in summary.estimates.values() for name in found}
    metrics = [each for each in METRICS if each.name in SHOWN and each.name in measured]
    head = ("player", *(f"{metric.title}, {metric.unit}" for metric in metrics))
    rows = [
        (name, *(_estimate(found.get(metric.name), metric) for metric in metrics))
        for name, found in summary.estimates.items()
    ]
    yield _table(head, rows)
    for name, player in held_out["players"].items():
        if player["kind"] == "trained":
            yield from _differences(summary, name)
    yield (
        "Players: "
        + "; ".join(f"`{name}`: {each['told']}" for name, each in held_out["players"].items())
        + "."
    )
    yield f"Value capture: {held_out['value_capture']}."
    if "incentives" in held_out:
        yield from held_out["incentives"]["told"]
        yield f"Both are measured on {held_out['incentives']['prosumers']} prosumers."


def _differences(summary: Summary, player: str) -> Iterator[str]:
    found = summary.differences.get(player)
    if found is None:
        return
    yield f"Differences of `{player}` to `{summary.reference}`, on the same days, seeds and draws:"
    rows = []
    for metric in (metric for metric in METRICS if metric.name in COMPARED):
        each = found[metric.name]
        said = verdict(each, metric.better) if math.isfinite(each.at_least) else DASH
        rows.append((f"{metric.title}, {metric.unit}", *_difference(each, metric), said))
    yield _table(("figure", "difference", "95 % interval", "verdict"), rows)


def _estimate(found: Estimate | None, metric: Metric) -> str:
    if found is None or not math.isfinite(found.value):
        return DASH
    text = f"{found.value:.{metric.decimals}f}"
    if not math.isfinite(found.low):
        return text
    return f"{text} ({found.low:.{metric.decimals}f} to {found.high:.{metric.decimals}f})"


def _difference(found: Difference, metric: Metric) -> tuple[str, str]:
    value = found.estimate
    if not math.isfinite(value.value):
        return DASH, DASH
    shown = f"{value.value:+.{metric.decimals}f}"
    if not math.isfinite(value.low):
        return shown, DASH
    return shown, f"{value.low:+.{metric.decimals}f} to {value.high:+.{metric.decimals}f}"


def _layouts() -> list[tuple[str, ...]]:
    return [
        (side, str(it["layout"]), str(len(it["observations"])), str(len(it["actions"])))
        for side, it in LAYOUTS.items()
    ]


def _duration(seconds: float) -> str:
    minutes = seconds / 60.0
    return f"{seconds:.0f} s" if minutes < 2.0 else f"{minutes:.1f} min"


def _bullets(sentences: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(f"* {sentence}" for sentence in sentences)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
