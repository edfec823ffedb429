"""A flexibility study: every case and day a task, their tables put together, a folder written."""

import base64
import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosim.run_folder import null_for_nan
from cosim.scenario_text import scenario_toml
from cosim.scoring.flexibility import WINDOWS
from cosim.studies.flexibility import tables
from cosim.studies.flexibility.day import BuildStage, Stage, play_day
from cosim.studies.flexibility.day_tables import Tables
from cosim.studies.flexibility.records import FlexibilityContent
from cosim.studies.flexibility.requests import request_text
from cosim.studies.flexibility.summary import (
    buses_hours_table,
    case_metrics,
    metrics_table,
    prosumers_table,
)
from cosim.studies.sweep import sweep
from cosim.studies.sweep_columns import Columns, from_bytes, to_bytes
from cosim.studies.sweep_runners import Runner
from cosim.studies.sweep_store import Store, Study, open_store
from cosim.studies.sweep_tasks import Task

STUDY: Final = "flexibility"
OF_DAYS: Final = (
    "intervals",
    "flexibility",
    "margins",
    "offers",
    "regions",
    "region_facts",
    "requests",
    "activations",
    "activation_ledger",
)
"""Tables that are those of the days one after the other."""

BASELINE: Final = (
    "schedule as played: what the devices did on the same days, with the same draws, without any "
    "activation"
)
ASSUMPTIONS: Final = (
    "Flexibility of a fleet is the sum of what each device can keep up on its own; a fleet that "
    "passes the task around can do a little more.",
    "Down includes solar power given up; it is told as a class of its own.",
    "The network-feasible part of a window breaks no limit in the window's first interval; that of "
    "a request, in each of its intervals.",
    "Each request is tested alone: it parts from the days as played at its call and does not see "
    "the other requests.",
    "A request is called no earlier than its day is announced, whatever its lead time.",
)

Progress = Callable[[str, int, int], None]
WriteReport = Callable[[FlexibilityContent], Mapping[str, str]]


def run_study(
    built: BuildStage,
    rules: tuple[str, ...],
    out: Path,
    *,
    runner: Runner | None = None,
    progress: Progress | None = None,
    write_report: WriteReport | None = None,
) -> FlexibilityContent:
    """Play all cases, or go on where an unfinished study stopped, and write the folder `out`.

    Args:
        built: scenario, policies, requests and settings.
        rules: of validation, each compared with every policy.
        out: new or empty folder, or one that holds this study unfinished.
        runner: who does the tasks; this process if None.
        progress: is told a label, how many days are done, and of how many.
        write_report: gives files of text by their names, written into the folder too.

    Raises:
        CosimError: with all problems at once; nothing is finished then.
    """
    stage = built()
    days = len(stage.world.calendar.day_start) - 1
    cases = list(product([choice.name for choice in built.choices], rules))
    tasks = [
        Task(f"{policy}/{rule}/{day:03d}", (policy, rule, day))
        for policy, rule in cases
        for day in range(days)
    ]
    with open_store(out, _identity(stage, rules)) as store:
        packed = sweep(
            tasks,
            work,
            store,
            prepare=built,
            runner=runner,
            progress=progress,
            label="days",
        )
        content = _content(stage, cases, _unpacked(packed))
        _write(store, content)
        if write_report is not None:
            for name, text in write_report(content).items():
                (store.path / name).parent.mkdir(parents=True, exist_ok=True)
                store.write_text(name, text)
        store.finish({"feeder": stage.feeder.name, "cases": [f"{p}/{r}" for p, r in cases]})
    return content


def work(stage: Stage, task: Task) -> dict[str, Any]:
    """Return the tables of a task, packed: the sweep keeps one table of equal columns."""
    policy, rule, day = task.content
    found = play_day(stage, policy, rule, day)
    return {
        "task": [task.key] * len(found),
        "table": list(found),
        "content": [base64.b64encode(to_bytes(each)).decode() for each in found.values()],
    }


def _unpacked(packed: Columns) -> dict[str, Tables]:
    """Return the tables of every task by its key."""
    found: dict[str, Tables] = {}
    for key, name, content in zip(packed["task"], packed["table"], packed["content"], strict=True):
        found.setdefault(key, {})[name] = from_bytes([base64.b64decode(content)])
    return found


def _content(
    stage: Stage, cases: list[tuple[str, str]], found: Mapping[str, Tables]
) -> FlexibilityContent:
    hours, fleet = stage.world.calendar.interval_h, stage.world.fleet
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    further: dict[str, list[Columns]] = {"prosumers": [], "buses_hours": [], "metrics": []}
    for policy, rule in cases:
        days = [each for key, each in found.items() if key.startswith(f"{policy}/{rule}/")]
        case = {"policy": policy, "rule": rule}
        told = case_metrics(days, interval_h=hours)
        metrics.setdefault(policy, {})[rule] = told
        further["prosumers"].append(prosumers_table(case, days, stage.feeder, fleet))
        further["buses_hours"].append(buses_hours_table(case, days, stage.feeder, fleet))
        further["metrics"].append(metrics_table(case, told))
    whole = {name: tables.joined(name, [each[name] for each in found.values()]) for name in OF_DAYS}
    whole |= {name: tables.joined(name, parts) for name, parts in further.items()}
    return FlexibilityContent(
        tables=whole,
        metrics=metrics,
        facts=_facts(stage, cases),
        scenario=stage.built.scenario,
        answers=tuple(_answers(whole["requests"])),
    )


def _answers(requests: Columns) -> list[str]:
    """Return a sentence for every request that was not accepted as asked."""
    return [
        f"{requests['policy'][row]}/{requests['rule'][row]}, "
        f"request {requests['request'][row] + 1} "
        f"({requests['start_local'][row]} {requests['direction'][row]} "
        f"{requests['asked_kw'][row]:.1f} kW): {requests['verdict'][row]}, "
        f"{requests['accepted_kw'][row]:.1f} kW; {requests['reason'][row]}; nearest feasible: "
        f'"{requests["nearest"][row]}"'
        for row in np.flatnonzero(requests["verdict"] != "accepted")
    ]


def _identity(stage: Stage, rules: tuple[str, ...]) -> Study:
    """Return what tells the study from others."""
    built = stage.built
    return Study(
        STUDY,
        {
            "scenario": built.scenario.model_dump(mode="json"),
            "policies": [f"{each.name} {each.identity}".strip() for each in built.choices],
            "rules": list(rules),
            "study": built.settings,
            "requests": [request_text(request) for request in built.requests],
        },
        built.scenario.run.seed,
        stage.feeder.net_sha256,
    )


def _facts(stage: Stage, cases: list[tuple[str, str]]) -> dict[str, Any]:
    built, calendar = stage.built, stage.world.calendar
    settings, run = built.settings, built.scenario.run
    played = slice(0, int(calendar.day_start[-1]))
    kvar = f"power factor {settings.least_power_factor:g}"
    return {
        "feeder": stage.feeder.name,
        "buses": stage.feeder.bus_count,
        "prosumers": int(stage.world.fleet.bus.shape[1]),
        "start": run.start.isoformat(),
        "days": run.days,
        "seed": run.seed,
        "interval_h": calendar.interval_h,
        "time_zone": calendar.time_zone,
        "windows": dict(WINDOWS),
        "policies": list(dict.fromkeys(policy for policy, _ in cases)),
        "rules": list(dict.fromkeys(rule for _, rule in cases)),
        "baseline": BASELINE,
        "gate_closure_h": settings.gate_closure_h,
        "region_every_h": settings.region_every_h,
        "least_power_factor": settings.least_power_factor,
        "ways": [settings.way],
        "ratings_assumed": bool(stage.feeder.ratings_assumed),
        "prices": (
            f"day-ahead {stage.world.day_ahead_label}; imbalance {stage.world.imbalance_label}"
        ),
        "assumptions": [
            *ASSUMPTIONS,
            f"Inverters of batteries and solar panels move reactive power to {kvar} of their rated "
            "power, whatever active power they give.",
        ],
        "start_utc": [str(start) for start in calendar.start_utc[played]],
        "local_hour": [float(hour) for hour in calendar.local_hour[played]],
    }


def _write(store: Store, content: FlexibilityContent) -> None:
    """Write every table twice, the metrics and the settings."""
    for name, columns in content.tables.items():
        store.write_table(name, columns)
        store.write_text(f"{name}.csv", _csv(columns))
    metrics = json.dumps(null_for_nan(content.metrics), indent=2, allow_nan=False)
    store.write_text("metrics.json", f"{metrics}\n")
    store.write_text("scenario.toml", scenario_toml(content.scenario))


def _csv(columns: Columns) -> str:
    import pandas as pd

    text = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return str(text)
