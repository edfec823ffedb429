"""`cosim flexibility`: what devices can move, what the grid takes of it, what comes if asked."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cosim.cli_png import draw_png, need_browser
from cosim.cli_sweep import Cluster, Workers
from cosim.errors import CosimError, ScenarioError

if TYPE_CHECKING:  # seconds: imported once the command runs
    from cosim.scenario import Scenario
    from cosim.simulation import Policies
    from cosim.studies.flexibility.day import BuildStage
    from cosim.studies.flexibility.records import Choice, FlexibilityContent, Request

EXIT_INTERRUPTED = 130
BIDDING = ("water_value", "fictitious_play")
LEARNED = "learned"
FORM = '"2016-06-13T18:00 up 50kW 1h lead 2h"'
WIDTH_OF_FILES = 160
WINDOWS = (("1 h", "_1h"), ("15 min", ""))
"""Windows of the printed table with the ends of their metrics."""


def flexibility(  # noqa: PLR0913 (one argument an option)
    out: Annotated[Path, typer.Option(help="New or empty folder, or that of the same study.")],
    scenario: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    feeder: Annotated[
        str | None,
        typer.Option(help="A name that `cosim feeders` lists, simbench:CODE, or a file."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, e.g. 2016-06-13.")] = None,
    days: Annotated[int | None, typer.Option(help="Number of days.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="How both sides act: water_value, fictitious_play, learned, or a folder of "
            "`cosim train`; several are compared. Default: the scenario's."
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="How the grid cuts; several are compared. Default: the scenario's."),
    ] = None,
    request: Annotated[
        list[str] | None,
        typer.Option(metavar=FORM, help="What an operator asks for, local time; several times."),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(help="CSV file: start, direction, power_kw, duration_h, lead_h."),
    ] = None,
    share: Annotated[
        float,
        typer.Option(help="Without requests: asked for at noon and in the evening, of feasible."),
    ] = 0.5,
    way: Annotated[str, typer.Option(help="How prosumers are called up: bids or prices.")] = "bids",
    gate_closure: Annotated[
        float, typer.Option(metavar="HOURS", help="Least lead time of a request.")
    ] = 0.5,
    region_every: Annotated[
        float, typer.Option(metavar="HOURS", help="Between regions and between supply curves.")
    ] = 1.0,
    png: Annotated[
        bool, typer.Option("--png", help="PNG of every figure and table too; needs Chromium.")
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
) -> None:
    """Tell flexibility offered and network-feasible, and test an operator's requests.

    Without requests one is made for every noon (down) and every evening (up). Stopped and given
    again, the study goes on where it was.
    """
    from cosim.cli_sweep import runner_from, sweep_progress

    problems: list[str] = []
    try:
        runner = runner_from(workers, cluster)  # before numpy is imported
    except CosimError as error:
        problems += error.problems
    settings = None
    try:
        run: dict[str, object] = {"start": start, "days": days, "seed": seed}
        given: dict[str, dict[str, object]] = {"run": run, "feeder": {"name": feeder}}
        settings = _scenario(scenario, given)
    except CosimError as error:
        problems += error.problems
    choices, of_policies = _choices(policy or [], settings)
    asked, of_requests = _requests(request or [], requests)
    problems += [*of_policies, *_rule_problems(rule or []), *of_requests]
    problems += _number_problems(share, way, gate_closure, region_every)
    if png:
        need_browser(problems)
    if problems or settings is None:
        raise ScenarioError(problems)

    from cosim.reports.flexibility_from_study import report_files
    from cosim.studies.flexibility.study import run_study

    built = _built(settings, choices, asked, share, (way, gate_closure, region_every))
    try:
        with sweep_progress() as progress:
            content = run_study(
                built,
                tuple(rule or [settings.grid.rule]),
                out,
                runner=runner,
                progress=progress,
                write_report=report_files,
            )
    except KeyboardInterrupt as interrupt:
        typer.echo(f"interrupted; given again, the study goes on from {out}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    print_content(content)
    if png:
        draw_png(out)
    typer.echo(f"\nresults  {out}\nreport   {out / 'report.html'}")


@dataclass(frozen=True, slots=True)
class Acting:
    """Builds policies wherever a task is done."""

    name: str  # one of BIDDING, LEARNED, or ""
    folder: Path | None = None

    def __call__(self, scenario: "Scenario") -> "Policies":
        """Return both sides, as the scenario has it but for the name."""
        from policies.registry import policies_of, trained

        if self.folder is not None or self.name == LEARNED:
            return trained(self.folder)
        if not self.name:
            return policies_of(scenario)
        followers = scenario.followers.model_copy(update={"policy": self.name})
        return policies_of(scenario.model_copy(update={"followers": followers}))


def print_content(content: "FlexibilityContent") -> None:
    """Print a short table, and every answer that is not what was asked for."""
    from rich.console import Console
    from rich.table import Table

    cases = [(p, r, told) for p, rules in content.metrics.items() for r, told in rules.items()]
    peaks = [_peak(content, policy, rule) for policy, rule, _ in cases]
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    shown = Table(box=None, pad_edge=False)
    shown.add_column("")
    for policy, rule, _ in cases:
        shown.add_column(f"{policy}\n{rule}", justify="right")
    for label, cells in _rows(cases, peaks):
        shown.add_row(label, *cells)
    console.print(shown)
    solar = [told["down_solar_kw"] for _, _, told in cases]
    typer.echo(
        "up: less drawn or more fed in; down: more drawn, solar power given up included "
        f"(offered for 15 min, mean: {', '.join(f'{each:.1f}' for each in solar)} kW)\n"
        "deliverable: feasible over offered\n"
        f"baseline: {content.facts['baseline']}"
    )
    for answer in content.answers:
        typer.echo(answer, err=True)


def _peak(content: "FlexibilityContent", policy: str, rule: str) -> str:
    """Return when the feeder draws most; the first interval holds all that begins there."""
    from cosim.studies.flexibility.summary import peak_interval

    at = peak_interval(content.tables["intervals"], policy, rule)
    if at is None:
        return "-"
    start = datetime.fromisoformat(str(content.facts["start_utc"][at]).removesuffix("Z"))
    local = start.replace(tzinfo=UTC).astimezone(ZoneInfo(str(content.facts["time_zone"])))
    return f"{local:%d %b %H:%M}{'' if at else ' (first interval)'}"


def _rows(
    cases: "Sequence[tuple[str, str, Mapping[str, float]]]", peaks: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """Return the rows of the table on standard output."""

    def row(label: str, *names: str, factor: float = 1.0, decimals: int = 1) -> None:
        cells = []
        for _, _, told in cases:
            values = [factor * told[name] for name in names]
            cells.append(" / ".join("-" if math.isnan(v) else f"{v:.{decimals}f}" for v in values))
        found.append((label, cells))

    found: list[tuple[str, list[str]]] = []
    for way in ("up", "down"):
        for window, suffix in WINDOWS:
            label = f"{way} for {window}"
            offered, feasible = f"{way}{suffix or '_15min'}_kw", f"feasible_{way}{suffix}_kw"
            row(f"{label}, offered / feasible, mean, kW", offered, feasible)
            if way == "down":
                solar = f"feasible_down_solar{suffix}_kw"
                row("  of it by giving up solar power, feasible, mean, kW", solar)
            row(f"{label}, deliverable, %", f"deliverability_{way}{suffix}", factor=100.0)
        at_peak = f"offered_{way}_at_peak_kw", f"feasible_{way}_at_peak_kw"
        row(f"{way} for 15 min, offered / feasible, at peak, kW", *at_peak)
    found.append(("  peak: most drawn from the grid above, local time", list(peaks)))
    counts = ("requests_accepted", "requests_partly", "requests_refused")
    row("requests accepted / in part / refused", *counts, decimals=0)
    row(
        "accuracy of accepted energy, declared baseline / twin, %",
        *("accuracy_declared", "accuracy_twin"),
        factor=100.0,
    )
    row("rebound over activated, %", "rebound", factor=100.0)
    row("AC violations by activations, intervals", "activation_violations", decimals=0)
    row("outside of the feasible band, intervals", "outside_band_intervals", decimals=0)
    return found


def _scenario(path: Path | None, given: Mapping[str, Mapping[str, object]]) -> "Scenario":
    from cosim.scenario_checks import load_scenario

    overrides = {
        section: chosen
        for section, values in given.items()
        if (chosen := {name: value for name, value in values.items() if value is not None})
    }
    return load_scenario(path, overrides, None)


def _choices(names: Sequence[str], scenario: "Scenario | None") -> "tuple[list[Choice], list[str]]":
    """Return who is compared, and everything that is wrong with it."""
    from cosim.studies.flexibility.records import Choice

    if not names:
        usual = "" if scenario is None else scenario.followers.policy
        return [Choice(usual, Acting(""))], []
    found, problems = [], []
    for name in names:
        if name in BIDDING:
            found.append(Choice(name, Acting(name)))
            continue
        folder = None if name == LEARNED else Path(name)
        if folder is not None and not folder.is_dir():
            known = ", ".join((*BIDDING, LEARNED))
            problems.append(f"--policy: {name!r} is no folder and no policy; known are {known}")
            continue
        try:
            found.append(_trained(folder))
        except CosimError as error:
            problems += error.problems
    counts = Counter(choice.name for choice in found)
    problems += [f"--policy: {name} is given {n} times" for name, n in counts.items() if n > 1]
    return found, problems


def _trained(folder: Path | None) -> "Choice":
    """Return the policies of a training, those of the toolkit if None; raise if unusable."""
    from cosim.studies.flexibility.records import Choice
    from policies.registry import PRETRAINED, trained

    trained(folder)
    if folder is None:
        return Choice(LEARNED, Acting(LEARNED), _digest(PRETRAINED))
    return Choice(folder.resolve().name, Acting(LEARNED, folder.resolve()), _digest(folder))


def _digest(folder: Path) -> str:
    """Return what tells the contents of a folder from others."""
    digest = hashlib.sha256()
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _requests(texts: Sequence[str], file: Path | None) -> "tuple[list[Request], list[str]]":
    from cosim.studies.flexibility.requests import parse_request, read_requests

    found: list[Request] = []
    problems: list[str] = []
    for text in texts:
        try:
            found.append(parse_request(text))
        except ScenarioError as error:
            problems += [f"--request {problem}" for problem in error.problems]
    if file is not None:
        try:
            found += read_requests(file)
        except ScenarioError as error:
            problems += error.problems
    return found, problems


def _rule_problems(rules: Sequence[str]) -> list[str]:
    from cosim.grid.validation import RULES

    problems = [
        f"--rule: {rule!r} is unknown; allowed are {', '.join(RULES)}"
        for rule in rules
        if rule not in RULES
    ]
    counts = Counter(rules)
    return problems + [f"--rule: {rule} is given {n} times" for rule, n in counts.items() if n > 1]


def _number_problems(share: float, way: str, gate_closure: float, every: float) -> list[str]:
    from cosim.studies.flexibility.records import WAYS

    problems = []
    if not 0.0 < share <= 1.0:
        problems.append(f"--share: found {share:g}; allowed is above 0 to 1")
    if way not in WAYS:
        problems.append(f"--way: {way!r} is unknown; allowed are {', '.join(WAYS)}")
    if not 0.0 <= gate_closure <= 12.0:
        problems.append(f"--gate-closure: found {gate_closure:g} h; allowed is 0 to 12")
    if not 0.25 <= every <= 24.0:
        problems.append(f"--region-every: found {every:g} h; allowed is 0.25 to 24")
    return problems


def _built(
    scenario: "Scenario",
    choices: "Sequence[Choice]",
    asked: "Sequence[Request]",
    share: float,
    numbers: tuple[str, float, float],
) -> "BuildStage":
    from cosim.studies.flexibility.day import BuildStage
    from cosim.studies.flexibility.records import StudySettings
    from cosim.studies.flexibility.requests import usual_requests

    way, gate_closure, every = numbers
    run = scenario.run
    usual = usual_requests(run.start, run.days, share, gate_closure_h=gate_closure)
    return BuildStage(
        scenario,
        tuple(choices),
        tuple(asked or usual),
        StudySettings(way=way, gate_closure_h=gate_closure, region_every_h=every),
    )
