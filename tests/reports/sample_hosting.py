"""A hosting-capacity study in closed form: on a linear grid every limit is met at a known level."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.reports.hosting_data import HostingFacts, HostingReportData
from cosim.reports.hosting_facts import criteria_rows, limits_of
from cosim.studies.hosting.criteria import PRESETS, Criteria
from cosim.studies.hosting.tables import TABLES, table
from networks.feeder import TRANSFORMER, Feeder
from tests.reports.sample_feeder import LinearGrid, Options, linear_grid, sample_feeder
from tests.reports.sample_hosting_rest import (
    durations_table,
    hours_table,
    optimal_table,
    running_table,
    sensitivity_table,
    steps_table,
)

Floats = NDArray[np.float64]
LEVERS = {"fit_and_forget": 1.0, "volt_var_vde": 0.72, "p2p_water_value": 0.6}
"""What a lever leaves of the voltage rise."""
LEVELS = 13
DEFAULT = Options()
QUANTILES = {"first_kw": 0.0, "q05_kw": 0.05, "median_kw": 0.5, "q95_kw": 0.95, "all_kw": 1.0}


@dataclass(frozen=True)
class Kind:
    """Which study to make up."""

    technology: str = "pv"
    deployments: int = 60
    criteria: str = "en50160"
    levers: tuple[str, ...] = tuple(LEVERS)
    series: bool = False
    violated_base: bool = False
    options: Options = DEFAULT


@dataclass(frozen=True)
class World:
    """Limits met as the level grows: value = base + level * slope, in order of `names`."""

    kind: Kind
    feeder: Feeder
    grid: LinearGrid
    share: Floats  # (S, K) of the level at every bus
    criteria: Criteria

    @property
    def sign(self) -> float:
        return -1.0 if self.kind.technology == "pv" else 1.0

    def state(self, level_kw: float | Floats, share: Floats, lever: str) -> tuple[Floats, Floats]:
        """Return voltages (S, K) and loadings (S, L)."""
        load = 0.3 * self.feeder.nominal_load_kw / 10.0
        if self.kind.violated_base:
            load = load * 60.0
        new = self.sign * np.reshape(level_kw, (-1, 1)) * share
        base, loading, _ = self.grid.solve(np.broadcast_to(load, share.shape))
        moved, _, _ = self.grid.solve(new)
        _, loading, _ = self.grid.solve(load + new)
        return base + (moved - 1.0) * LEVERS[lever], loading

    def judged(
        self, level_kw: float | Floats, share: Floats, lever: str
    ) -> tuple[Floats, Any, Any]:
        """Return by how much the worst limit is exceeded (1 = met), its name and element."""
        voltage, loading = self.state(level_kw, share, lever)
        criteria = self.criteria
        over = (voltage - 1.0) / (criteria.voltage_max_pu - 1.0)
        under = (1.0 - voltage) / (1.0 - criteria.voltage_min_pu)
        trafo = self.feeder.branch_kind == TRANSFORMER
        parts = [over, under, loading[:, ~trafo] / 100.0, loading[:, trafo] / 100.0]
        worst = np.stack([part.max(axis=1) for part in parts], axis=1)
        at = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        which = worst.argmax(axis=1)
        names = np.array(["overvoltage", "undervoltage", "line", "transformer"])[which]
        return worst.max(axis=1), names, at[np.arange(len(at)), which]

    def hosting(self, share: Floats, lever: str) -> Floats:
        """Return the level at which the first limit is met, by bisection over all at once."""
        low, high = np.zeros(len(share)), np.full(len(share), 4000.0)
        for _ in range(40):
            middle = (low + high) / 2.0
            worst = self.judged(middle, share, lever)[0]
            low, high = np.where(worst <= 1.0, middle, low), np.where(worst <= 1.0, high, middle)
        return low


def sample_hosting(kind: Kind | None = None) -> HostingReportData:
    """Return a study as its report reads it."""
    kind = kind or Kind()
    feeder = sample_feeder(kind.options)
    random = np.random.default_rng(kind.options.seed)
    share = random.dirichlet(np.full(feeder.bus_count - 2, 0.5), kind.deployments)
    share = np.concatenate([np.zeros((kind.deployments, 2)), share], axis=1)
    grid = linear_grid(feeder, kind.options)
    world = World(kind, feeder, grid, share, PRESETS[kind.criteria])
    hosting = {lever: world.hosting(share, lever) for lever in kind.levers}
    levels = np.linspace(0.0, 1.15 * max(each.max() for each in hosting.values()), LEVELS)
    tables = {
        "scenarios": pd.concat([_scenarios(world, *each) for each in hosting.items()]),
        "levels": pd.concat([_levels(world, lever, levels) for lever in kind.levers]),
        "summary": _summary(world, hosting),
        "criteria": _criteria(world, hosting),
        "steps": steps_table(hosting),
        "running": running_table(hosting),
        "nodes": _nodes(world),
        "optimal": optimal_table(feeder),
        "hours": hours_table(),
        "voltages": _voltages(world, hosting),
        "durations": durations_table()
        if kind.series
        else table("durations", _nothing("durations")),
        "sensitivity": sensitivity_table(hosting),
        "base_case": _base_case(world),
    }
    return HostingReportData(feeder, tables, _facts(world))


def without(data: HostingReportData, *names: str) -> HostingReportData:
    """Return the study without some of its tables."""
    kept = {name: each for name, each in data.tables.items() if name not in names}
    return replace(data, tables=kept)


def _nothing(name: str) -> dict[str, list[object]]:
    return {column: [] for column in TABLES[name]}


def _elements(world: World, names: Any, at: Any) -> dict[str, Any]:
    feeder = world.feeder
    kinds, numbers, called = [], [], []
    for name, place in zip(names.tolist(), at.tolist(), strict=True):
        bus = name in ("overvoltage", "undervoltage")
        branch = place if name == "transformer" else place + 1
        kinds.append("bus" if bus else name)
        numbers.append(int(feeder.bus_index[place] if bus else feeder.branch_index[branch]))
        called.append(feeder.bus_name[place] if bus else feeder.branch_name[branch])
    limit = {
        "overvoltage": world.criteria.voltage_max_pu,
        "undervoltage": world.criteria.voltage_min_pu,
    }
    limits = np.array([limit.get(name, 100.0) for name in names])
    limiting = np.where(world.kind.violated_base, "base_case", names)
    return {
        "limiting": limiting,
        "element_kind": kinds,
        "element": numbers,
        "element_name": called,
        "value": limits * 1.001,
        "limit": limits,
    }


def _scenarios(world: World, lever: str, hosting: Floats) -> pd.DataFrame:
    _, names, at = world.judged(hosting + 1e-6, world.share, lever)
    return table(
        "scenarios",
        {
            "lever": lever,
            "scenario": np.arange(len(hosting)),
            "hosting_kw": hosting,
            **_elements(world, names, at),
            "plants": np.ceil(hosting / 7.0),
            "curtailed_share": 0.0 if lever == "fit_and_forget" else 0.013,
            "monotone": True,
        },
    )


def _levels(world: World, lever: str, levels: Floats) -> pd.DataFrame:
    parts = []
    trafo = world.feeder.branch_kind == TRANSFORMER
    for level in levels.tolist():
        voltage, loading = world.state(level, world.share, lever)
        worst, names, _ = world.judged(level, world.share, lever)
        fails = worst > 1.0
        columns = dict.fromkeys(TABLES["levels"], 0.0) | {
            "lever": lever,
            "scenario": np.arange(len(voltage)),
            "level_kw": level,
            "violates": fails,
            "limiting": np.where(fails, names, "none"),
            "voltage_max_pu": voltage.max(axis=1),
            "voltage_min_pu": voltage.min(axis=1),
            "rise_max_pu": (voltage - 1.0).max(axis=1),
            "drop_max_pu": (1.0 - voltage).max(axis=1),
            "line_max_percent": loading[:, ~trafo].max(axis=1),
            "transformer_max_percent": loading[:, trafo].max(axis=1),
        }
        parts.append(table("levels", columns))
    return pd.concat(parts, ignore_index=True)


def _summary(world: World, hosting: dict[str, Floats]) -> pd.DataFrame:
    reference = hosting["fit_and_forget"]
    rows = []
    grouped = {
        ("fit_and_forget", "line"): reference * 1.6,
        ("fit_and_forget", "voltage"): reference,
    }
    for (lever, criterion), each in {
        **{(lever, "all"): each for lever, each in hosting.items()},
        **grouped,
    }.items():
        uplift = np.zeros(1) if not reference.all() else 100.0 * (each - reference) / reference
        is_lever = criterion == "all" and lever != "fit_and_forget"
        mean = float(uplift.mean()) if is_lever else np.nan
        quantiles = {name: float(np.quantile(each, q)) for name, q in QUANTILES.items()}
        columns = (
            dict.fromkeys(TABLES["summary"], 0.0)
            | quantiles
            | {
                "lever": lever,
                "criterion": criterion,
                "limiting": "overvoltage",
                "reference": "fit_and_forget",
                "uplift_percent": mean,
                "uplift_low": mean - 3.0,
                "uplift_high": mean + 3.5,
            }
        )
        rows.append(table("summary", columns))
    return pd.concat(rows, ignore_index=True)


def _criteria(world: World, hosting: dict[str, Floats]) -> pd.DataFrame:
    parts = []
    for name, factor in (("voltage", 1.0), ("line", 1.6)):
        each = hosting["fit_and_forget"] * factor
        columns: dict[str, Any] = dict.fromkeys(TABLES["criteria"], 0) | {
            "criterion": name,
            "scenario": np.arange(len(each)),
            "hosting_kw": each,
            "limiting": "overvoltage" if name == "voltage" else "line",
            "element_kind": "",
            "element_name": "",
        }
        parts.append(table("criteria", columns))
    return pd.concat(parts, ignore_index=True)


def _nodes(world: World) -> pd.DataFrame:
    feeder = world.feeder
    at = np.arange(2, feeder.bus_count)
    share = np.eye(feeder.bus_count)[at]
    hosting = world.hosting(share, "fit_and_forget")
    _, names, where = world.judged(hosting + 1e-6, share, "fit_and_forget")
    return table(
        "nodes",
        {
            "bus": feeder.bus_index[at],
            "name": [feeder.bus_name[bus] for bus in at],
            "x": feeder.bus_x[at],
            "y": feeder.bus_y[at],
            "distance_ohm": np.linspace(0.02, 0.3, len(at)),
            "hosting_kw": hosting,
            **_elements(world, names, where),
        },
    )


def _voltages(world: World, hosting: dict[str, Floats]) -> pd.DataFrame:
    feeder, each = world.feeder, hosting["fit_and_forget"]
    at = int(np.argsort(each)[len(each) // 2])
    share = world.share[[at]]
    volts = [
        world.state(level, share, "fit_and_forget")[0][0]
        for level in (0.0, float(each[at]), 1.2 * float(each[at]))
    ]
    distance = np.zeros(feeder.bus_count)
    for start, end in zip(feeder.branch_from, feeder.branch_to, strict=True):
        distance[end] = distance[start] + 0.05
    return table(
        "voltages",
        {
            "bus": feeder.bus_index,
            "name": list(feeder.bus_name),
            "distance_ohm": distance,
            "base_pu": volts[0],
            "hosting_pu": volts[1],
            "above_pu": volts[2],
        },
    )


def _base_case(world: World) -> pd.DataFrame:
    voltage, loading = world.state(0.0, world.share[:1], "fit_and_forget")
    trafo = world.feeder.branch_kind == TRANSFORMER
    limits = limits_of(world.criteria, is_series=world.kind.series)
    rows = []
    for quantity, value, kind, number in (
        ("voltage_max_pu", voltage.max(), "bus", int(voltage[0].argmax())),
        ("voltage_min_pu", voltage.min(), "bus", int(voltage[0].argmin())),
        ("line_max_percent", loading[0, ~trafo].max(), "line", int(loading[0, ~trafo].argmax())),
        ("transformer_max_percent", loading[0, trafo].max(), "transformer", 0),
        ("import_max_kw", 30.0, "", -1),
    ):
        limit = limits.get(quantity, np.nan)
        fails = value < limit if "min" in quantity else value > limit
        columns = {
            "quantity": quantity,
            "value": float(value),
            "limit": limit,
            "fails": bool(fails),
            "element_kind": kind,
            "element": number,
            "element_name": "",
        }
        rows.append(table("base_case", columns))
    return pd.concat(rows, ignore_index=True)


def _facts(world: World) -> HostingFacts:
    kind = world.kind
    return HostingFacts(
        technology=kind.technology,
        preset=kind.criteria,
        criteria=criteria_rows(world.criteria, is_series=kind.series),
        limits=limits_of(world.criteria, is_series=kind.series),
        points="30 % of published loads, full sun",
        is_series=kind.series,
        seed=kind.options.seed,
        resolution_kw=0.1,
        method=("Homes get plants in random order.",),
        assumptions=("Plants have a power factor of one.",),
        levers=dict.fromkeys(kind.levers[1:], "what it does"),
        settings={"scenarios": kind.deployments, "criteria": {"preset": kind.criteria}},
        manifest={"versions": {"python": "3"}, "net_sha256": world.feeder.net_sha256},
        homes=43,
        site_buses=2,
        load_buses_without=3,
        hourly_looked_at="Loads are the profiles of 6 days.",
        every_home_kw=301.0,
        pandapower_voltage_pu=2.4e-9,
        pandapower_states=6,
    )
