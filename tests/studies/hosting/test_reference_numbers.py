"""Hosting capacities of known feeders, found elsewhere with pandapower, found by a study.

Equal power at every bus with load, loads at 30 % of the published ones, existing generators off,
unity power factor. The catalogue scales the loads of cigre_mv by 0.75; the numbers are for the
published ones.
"""

from typing import Any

import numpy as np
import pytest

from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Lever
from cosim.studies.hosting.nodal import nodal_deployments
from cosim.studies.hosting.optimal_siting import best_siting
from cosim.studies.hosting.records import Limiting
from cosim.studies.hosting.study_parts import deployments_of
from tests.studies.hosting.hosting_cases import prepared_for

pytestmark = pytest.mark.slow

CRITERIA: dict[str, dict[str, Any]] = {
    "1.05": {"voltage_max_pu": 1.05},
    "1.10": {"voltage_max_pu": 1.10},
    "rise": {"preset": "de_lv"},
}
KNOWN = {
    "ieee33": (
        (3808.7, Limiting.OVERVOLTAGE),
        (6657.2, Limiting.OVERVOLTAGE),
        (1466.9, Limiting.RISE),
    ),
    "cigre_mv": ((6484.7, Limiting.OVERVOLTAGE), (9593.9, Limiting.LINE), (4171.6, Limiting.RISE)),
    "cigre_lv": ((330.6, Limiting.OVERVOLTAGE), (457.3, Limiting.LINE), (130.6, Limiting.RISE)),
    "kerber_dorfnetz": (
        (513.7, Limiting.TRANSFORMER),
        (513.7, Limiting.TRANSFORMER),
        (241.8, Limiting.RISE),
    ),
    "simbench:1-LV-rural1--0-sw": ((190.2, Limiting.TRANSFORMER),) * 3,
}
OFF = {"existing_generation": "none"}


@pytest.mark.parametrize("criterion", list(CRITERIA))
@pytest.mark.parametrize("feeder", list(KNOWN))
def test_equal_power_at_every_load(feeder: str, criterion: str) -> None:
    prepared = prepared_for(
        feeder=feeder,
        deployment={"rule": "uniform"},
        window={"load_share": 0.4 if feeder == "cigre_mv" else 0.3, **OFF},
        criteria=CRITERIA[criterion],
    )
    layout = deployments_of(prepared, range(1), 1.0)
    lever = Lever(prepared.grid, prepared.criteria, layout)
    found = bisect(lever, layout, prepared.search(grid_levels=0), lever="x")
    known, limiting = KNOWN[feeder][list(CRITERIA).index(criterion)]
    assert found.hosting_kw[0] == pytest.approx(known, rel=1e-3)
    assert found.limiting[0] == limiting


def test_single_buses_of_the_33_bus_feeder() -> None:
    prepared = prepared_for(feeder="ieee33", criteria={"voltage_max_pu": 1.05}, window=OFF)
    nodal = nodal_deployments(prepared)
    layouts = by_share("pv", nodal.share)
    lever = Lever(prepared.grid, prepared.criteria, layouts)
    found = bisect(lever, layouts, prepared.search(grid_levels=0), lever="x")
    weakest = int(np.argmin(found.hosting_kw))
    assert prepared.feeder.bus_index[nodal.bus[weakest]] == 17
    assert found.hosting_kw.min() == pytest.approx(1144.0, rel=0.01)
    assert np.median(found.hosting_kw) == pytest.approx(3140.0, rel=0.01)
    assert found.hosting_kw.max() == pytest.approx(10_002.0, rel=0.01)
    kinds = [int((found.limiting == kind).sum()) for kind in (Limiting.OVERVOLTAGE, Limiting.LINE)]
    assert kinds == [27, 5]
    # Along the main lateral, farther from the supply, less fits.
    lateral = found.hosting_kw[np.isin(prepared.feeder.bus_index[nodal.bus], np.arange(5, 18))]
    assert np.all(np.diff(lateral) < 0.0)


@pytest.mark.parametrize(
    ("feeder", "lifted", "known"),
    [("ieee33", [], 9470.0), ("cigre_lv", ["line_max_percent"], 1170.0)],
)
def test_best_siting(feeder: str, lifted: list[str], known: float) -> None:
    """At most four times the published load at a bus, 1.05 p.u."""
    free = ["voltage_min_pu", "voltage_lowest_pu", *lifted]
    prepared = prepared_for(
        feeder=feeder,
        criteria={"voltage_max_pu": 1.05, "voltage_highest_pu": 1.1, "lifted": free},
        optimal_cap=4.0,
        window=OFF,
    )
    best = best_siting(prepared)
    assert best.total_kw == pytest.approx(known, rel=0.01)
    assert np.all(best.kw <= 4.0 * prepared.feeder.nominal_load_kw[best.bus] + 1e-6)
    if feeder == "ieee33":
        assert int((best.kw < 1.0).sum()) == 12


def test_best_siting_holds_bands_by_part_of_the_feeder() -> None:
    prepared = prepared_for(feeder="cigre_lv", criteria={"preset": "edisgo_split"})
    nodal = nodal_deployments(prepared)
    layouts = by_share("pv", nodal.share)
    lever = Lever(prepared.grid, prepared.criteria, layouts)
    alone = bisect(lever, layouts, prepared.search(grid_levels=0), lever="x")
    assert best_siting(prepared).total_kw > 1.5 * alone.hosting_kw.max()
