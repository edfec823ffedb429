"""Compare ways to act on held-out days and leave a folder behind: what `cosim compare` does."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import RunFolderError
from cosim.reports.comparison import write_comparison_report
from cosim.run_folder import folder_problems
from cosim.scenario import Scenario
from cosim.scenario_checks import check_scenario
from cosim.studies.comparison import LineUp, Progress, compare
from cosim.studies.comparison_folder import ComparisonContent, write_comparison
from cosim.studies.comparison_summary import summarise
from cosim.studies.held_out_worlds import scenario_at, strata_of
from networks.catalog import load_feeder


@dataclass(frozen=True, slots=True)
class Plan:
    """Which days are played, and how often."""

    starts: tuple[datetime.date, ...]
    days: int  # from each start
    seeds: int


def play_comparison(
    scenario: Scenario,
    line_up: LineUp,
    plan: Plan,
    *,
    reference: str,
    out: Path,
    progress: Progress,
) -> ComparisonContent:
    """Play everybody and write everything into the folder `out`.

    Raises CosimError or NetworkError with every problem; nothing is left behind then.
    """
    problems = folder_problems(out)
    if problems:
        raise RunFolderError(problems)
    content = played_content(scenario, line_up, plan, reference=reference, progress=progress)
    write_comparison(out, content, write_report=write_comparison_report)
    return content


def played_content(
    scenario: Scenario, line_up: LineUp, plan: Plan, *, reference: str, progress: Progress
) -> ComparisonContent:
    """Play everybody and return all that came out; nothing is written.

    Raises CosimError or NetworkError with every problem.
    """
    began = datetime.datetime.now(datetime.UTC)
    settings = scenario.feeder
    feeder = load_feeder(settings.name, **settings.of_feeder(owned_devices=scenario.takes_devices))
    strata = strata_of(scenario, feeder, plan.starts, days=plan.days, seeds=plan.seeds)
    found = compare(line_up, strata, progress=progress)
    return ComparisonContent(
        scenario=scenario,
        line_up=line_up,
        comparison=found,
        summary=summarise(found, line_up, reference, scenario.run.seed),
        starts=tuple(str(start) for start in plan.starts),
        days=plan.days,
        feeder=feeder.name,
        ratings_assumed=feeder.ratings_assumed,
        began=began,
    )


def plan_problems(scenario: Scenario, plan: Plan) -> list[str]:
    """Return what is missing for the held-out days, each once, e.g. prices of a file."""
    found: list[str] = []
    for start in plan.starts:
        problems = check_scenario(scenario_at(scenario, start, plan.days), out=None)
        found += [f"held-out days from {start}: {problem}" for problem in problems]
    return found
