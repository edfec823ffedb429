"""A closer look: the base case, and one scenario at the median before and at its limit.

The scenario shown is the one whose capacity is the median of fit and forget; "above" is a fifth
more than it bears. In a series, voltages are those of the moment that breaks first.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cosim.records import Floats, Integers
from cosim.studies.hosting.distances import impedance_to_supply
from cosim.studies.hosting.elements import element_of, numbered
from cosim.studies.hosting.heads import bounds_of
from cosim.studies.hosting.judge import TOLERANCE, Grid, Lever, fit_and_forget, judged, worst_of
from cosim.studies.hosting.judge_kernel import Worst
from cosim.studies.hosting.records import Extremes, Limiting
from cosim.studies.hosting.series_search import culprits
from cosim.studies.hosting.study_parts import Prepared
from cosim.studies.hosting.summary import hosting_quantile
from networks.feeder import LINE
from networks.placement import places_for_prosumers

ABOVE: Final = 1.2
DURATION_POINTS: Final = 201


@dataclass(frozen=True, slots=True, eq=False)
class BaseCase:
    """The feeder before anything is added."""

    extremes: Extremes  # (1,) each
    worst: Worst
    fails: Limiting  # what is exceeded by most, NONE if nothing is


def base_case(prepared: Prepared) -> BaseCase:
    """Judge the feeder without new plants."""
    bounds = bounds_of(prepared.feeder, prepared.criteria, is_series=prepared.grid.points.is_series)
    nothing = np.zeros((1, prepared.feeder.bus_count))
    worst, offered, given_up = worst_of(
        prepared.grid, prepared.criteria, bounds, nothing, fit_and_forget
    )
    found = judged(worst, offered, given_up, interval_h=prepared.grid.points.interval_h)
    return BaseCase(found.extremes, worst, Limiting(int(found.limiting[0])))


def base_case_rows(prepared: Prepared, base: BaseCase) -> list[dict[str, Any]]:
    """Return the rows of table `base_case`: limits first, then what has none."""
    rows = []
    for kind in Limiting:
        if kind not in _NAMES or not np.isfinite(base.worst.excess[0, kind]):
            continue
        element = element_of(prepared.feeder, kind, int(base.worst.element[0, kind]))
        rows.append(
            _row(
                _NAMES[kind],
                float(base.worst.value[0, kind]),
                float(base.worst.limit[0, kind]),
                fails=bool(base.worst.excess[0, kind] > TOLERANCE),
                element=element,
            )
        )
    for name in ("voltage_max_pu", "voltage_min_pu", "line_max_percent", "transformer_max_percent",
                 "import_max_kw", "export_max_kw"):  # fmt: skip
        value = float(getattr(base.extremes, name)[0])
        if name not in {row["quantity"] for row in rows} and np.isfinite(value):
            rows.append(_row(name, value, float("nan"), fails=False, element=("", -1, "")))
    rows += _loss_rows(prepared, float(base.extremes.loss_kwh[0]))
    if base.fails == Limiting.NO_POWER_FLOW:
        rows.append(_row("no_power_flow", 1.0, 0.0, fails=True, element=("", -1, "")))
    return rows


def _loss_rows(prepared: Prepared, loss_kwh: float) -> list[dict[str, Any]]:
    """Return losses as energy of a series, as power of a snapshot, which has no duration."""
    if not np.isfinite(loss_kwh):
        return []
    points = prepared.grid.points
    name, value = "loss_kwh", loss_kwh
    if not points.is_series:
        name, value = "loss_kw", loss_kwh / points.interval_h
    return [_row(name, value, float("nan"), fails=False, element=("", -1, ""))]


_NAMES: Final = {
    Limiting.OVERVOLTAGE: "voltage_max_pu",
    Limiting.UNDERVOLTAGE: "voltage_min_pu",
    Limiting.RISE: "rise_max_pu",
    Limiting.DROP: "drop_max_pu",
    Limiting.LINE: "line_max_percent",
    Limiting.TRANSFORMER: "transformer_max_percent",
    Limiting.REVERSE_FLOW: "export_max_kw",
}


def _row(
    quantity: str, value: float, limit: float, *, fails: bool, element: tuple[str, int, str]
) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "value": value,
        "limit": limit,
        "fails": fails,
        "element_kind": element[0],
        "element": element[1],
        "element_name": element[2],
    }


def median_scenario(scenario: Integers, hosting_kw: Floats) -> tuple[int, float]:
    """Return the scenario with the median capacity, and that capacity."""
    median = hosting_quantile(hosting_kw, 0.5)
    return int(scenario[int(np.flatnonzero(hosting_kw == median)[0])]), median


def moment(lever: Lever, which: int, level_kw: float) -> int:
    """Return the operating point that breaks first above a level: 0 in a snapshot.

    Where nothing breaks, the point at which new plants have most power.
    """
    points = lever.grid.points
    if len(points.week) == 1:
        return 0
    broken = np.flatnonzero(culprits(lever, which, level_kw))
    if len(broken):
        return int(broken[0])
    return int(np.argmax(np.abs(points.course).sum(axis=1)))


def just_above(prepared: Prepared, level_kw: float) -> float:
    """Return a level at which what limits a capacity is surely broken."""
    search = prepared.search(grid_levels=0)
    return level_kw + 2.0 * float(search.resolution(np.array(level_kw)))


def voltage_columns(prepared: Prepared, lever: Lever, hosting_kw: float) -> dict[str, Any]:
    """Return the columns of table `voltages`, of deployment 0 of a lever."""
    feeder = prepared.feeder
    above = ABOVE * hosting_kw if hosting_kw > 0.0 else prepared.scale_kw
    point = moment(lever, 0, just_above(prepared, hosting_kw))
    grid = lever.grid.some(np.array([point]))
    installed = lever.installed(np.array([0.0, hosting_kw, above]), np.zeros(3, np.int64))
    asked = grid.asked(installed, 0, 1)
    voltage = lever.play(grid.power_flow, asked).state.voltage_pu
    shown = np.flatnonzero(feeder.node_of_bus >= 0)
    return {
        **numbered(feeder, shown.tolist()),
        "distance_ohm": impedance_to_supply(feeder)[shown],
        "base_pu": voltage[0, shown],
        "hosting_pu": voltage[1, shown],
        "above_pu": voltage[2, shown],
    }


def duration_columns(lever: Lever, hosting_kw: float) -> dict[str, Any] | None:
    """Return the columns of table `durations`, None for a snapshot."""
    if not lever.grid.points.is_series:
        return None
    share = np.linspace(0.0, 1.0, DURATION_POINTS)
    columns: dict[str, list[Any]] = {
        "state": [],
        "quantity": [],
        "share_of_time": [],
        "value": [],
    }
    for state, level in (("base", 0.0), ("hosting", hosting_kw)):
        for quantity, values in _courses(lever, level).items():
            ordered = np.sort(values)[::-1]
            place = np.rint(share * (len(ordered) - 1)).astype(np.int64)
            columns["state"] += [state] * len(share)
            columns["quantity"] += [quantity] * len(share)
            columns["share_of_time"] += share.tolist()
            columns["value"] += ordered[place].tolist()
    return columns


def _courses(lever: Lever, level_kw: float) -> dict[str, Floats]:
    """Return the worst of each quantity over the feeder at every point, (T,), of deployment 0."""
    grid: Grid = lever.grid
    feeder = grid.power_flow.feeder
    supplied = places_for_prosumers(feeder)
    is_line = feeder.branch_kind == LINE
    installed = lever.installed(np.array([level_kw]), np.zeros(1, np.int64))
    parts: list[dict[str, Floats]] = []
    for first, last in grid.weeks:
        state = lever.play(grid.power_flow, grid.asked(installed, first, last)).state
        parts.append(
            {
                "voltage_max_pu": state.voltage_pu[:, supplied].max(axis=1),
                "voltage_min_pu": state.voltage_pu[:, supplied].min(axis=1),
                "line_percent": state.loading_percent[:, is_line].max(axis=1, initial=0.0),
                "transformer_percent": state.loading_percent[:, ~is_line].max(axis=1, initial=0.0),
                "import_kw": state.slack_kw,
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
