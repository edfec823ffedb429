"""What the feasible operating region costs, and how much of it the sweep finds.

Run as a script: ``python tests/benchmarks/bench_flexibility_region.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everybody

import sys
import time

import numpy as np

from cosim.grid import flexibility_polygon as polygons
from cosim.grid import limits
from cosim.grid.flexibility_margins import margins
from cosim.grid.flexibility_region import OperatingRegion, operating_regions
from tests.region_cases import Case, low_voltage_day, medium_voltage

DIRECTIONS = (8, 24, 72)


def timed(case: Case, directions: int = 24) -> tuple[tuple[OperatingRegion, ...], float, float]:
    """Return the regions, CPU and wall-clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = operating_regions(
        case.power_flow, case.providers, case.fixed_kw, case.fixed_kvar, directions=directions
    )
    return found, time.process_time() - cpu, time.perf_counter() - wall


def medium() -> list[str]:
    """Compare the sweep on the medium-voltage feeder with angle and radius."""
    case = medium_voltage()
    timed(case)
    hard = case.brute_force()
    start = time.process_time()
    known = hard.reach(np.zeros(22), angles=72, halvings=12)
    taken, area = time.process_time() - start, polygons.area(known) / 1e6
    slack, excess = hard.corner_samples(2000, seed=0)
    feasible = slack[limits.within(excess)]
    lines = [
        "cigre_mv, 11 providers",
        f"  angle and radius{area:>12.2f} MW Mvar{hard.power_flows - 2000:>9} power flows"
        f"{taken:>9.2f} s CPU",
    ]
    for directions in DIRECTIONS:
        (region,), cpu, _ = timed(case, directions)
        inside = int(region.contains(*feasible.T).sum())
        lines.append(
            f"  {directions:>3} directions  {region.area_mw_mvar:>12.2f} MW Mvar"
            f"{region.power_flows:>9} power flows{cpu:>9.2f} s CPU, {len(region.kw)} corners, "
            f"gap {region.gap_mw_mvar:.2f}, {region.dents} dents, {region.area_mw_mvar / area:.1%}"
            f" of the area, {inside} of {len(feasible)} feasible samples inside"
        )
    return lines


def low() -> list[str]:
    """Time a day of regions and of margins on the low-voltage feeder."""
    lines = ["cigre_lv, 96 intervals, 15 providers"]
    for size, told in ((1.0, "hardly a limit"), (2.5, "many limits")):
        case = low_voltage_day(size=size)
        found, cpu, wall = timed(case)
        flows = np.mean([region.power_flows for region in found])
        gap = max(region.gap_mw_mvar / region.area_mw_mvar for region in found)
        convex = sum(region.convex for region in found)
        lines.append(
            f"  regions, {told:<15}{cpu:>8.1f} s CPU{wall:>8.1f} s wall, {flows:.0f} power flows "
            f"each, widest gap {gap:.1%}, {convex} convex"
        )
        start = time.process_time()
        margins(case.power_flow, case.providers, case.fixed_kw, case.fixed_kvar)
        lines.append(f"  margins, {told:<15}{time.process_time() - start:>8.1f} s CPU")
    return lines


def main() -> None:
    """Measure and write the numbers."""
    sys.stdout.write("\n".join([*medium(), *low()]) + "\n")


if __name__ == "__main__":
    main()
