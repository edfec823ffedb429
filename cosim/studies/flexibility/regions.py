"""Feasible operating regions of a day as played, with and without the market's schedule."""

from collections.abc import Sequence
from math import acos, tan

import numpy as np

from cosim.grid.flexibility_controls import Providers
from cosim.grid.flexibility_region import OperatingRegion, operating_regions
from cosim.records import Floats
from cosim.results import IntervalRecord
from cosim.scoring.flexibility import WINDOWS, Baseline, left_alone, sustained
from cosim.scoring.flexibility_metrics import SHORTEST, played_baseline
from cosim.studies.flexibility.offers import base_powers, devices_kw, inverter_kva
from cosim.studies.flexibility.records import Case, PlayedDay, StudySettings

COMMITTED_H = 1.0
"""Hours for which a move has to leave the market's schedule in reach."""


def regions_without(
    case: Case, day: PlayedDay, rows: Sequence[int], settings: StudySettings
) -> tuple[OperatingRegion, ...]:
    """Return the regions of intervals `rows` if nothing were sold.

    Every device moves in all of the range that its store leaves it in the interval; the base point
    is devices left to themselves. Where those break a limit, set-points that do are no part of the
    region: every limit is kept, and the base point may lie outside.
    """
    game, actual = case.game, case.world.actual
    base, least, most = [], [], []
    for row in rows:
        alone = left_alone(game.fleet, day.state_before(row), actual, 1, interval_h=game.interval_h)
        found = sustained(
            game.fleet,
            alone,
            actual,
            window_h=WINDOWS[SHORTEST],
            interval_h=game.interval_h,
        )
        base.append(devices_kw(alone, 0))
        least.append(base[-1] - found.up_kw[0, 0])
        most.append(base[-1] + found.down_kw[0, 0])
    return _regions(case, day, rows, (base, least, most), settings, cure=True)


def regions_with(
    case: Case,
    day: PlayedDay,
    following: Sequence[IntervalRecord],
    rows: Sequence[int],
    settings: StudySettings,
) -> dict[int, OperatingRegion]:
    """Return the regions of those `rows` that are followed by an hour of play.

    The base point is the schedule as played, and devices move as far as they can hold for an hour
    and still do all that the schedule asks of them in it.
    """
    game = case.game
    baseline = played_baseline(day.start, [*day.records, *following])
    found = sustained(
        game.fleet,
        baseline,
        case.world.actual,
        window_h=COMMITTED_H,
        interval_h=game.interval_h,
        starts=day.length,
    )
    known = [row for row in rows if np.isfinite(found.up_kw[row, 0]).all()]
    base = [devices_kw(baseline, row) for row in known]
    least = [kw - found.up_kw[row, 0] for kw, row in zip(base, known, strict=True)]
    most = [kw + found.down_kw[row, 0] for kw, row in zip(base, known, strict=True)]
    regions = _regions(case, day, known, (base, least, most), settings)
    return dict(zip(known, regions, strict=True))


def _regions(
    case: Case,
    day: PlayedDay,
    rows: Sequence[int],
    ranges: tuple[list[Floats], list[Floats], list[Floats]],
    settings: StudySettings,
    *,
    cure: bool = False,
) -> tuple[OperatingRegion, ...]:
    if not rows:
        return ()
    fleet = case.game.fleet
    base, least, most = (np.stack(each).sum(axis=2) for each in ranges)
    records = [day.records[row] for row in rows]
    drawn, kvar = base_powers(records)
    played = played_devices(day.records)
    fixed = drawn.copy()
    for t, row in enumerate(rows):
        np.add.at(fixed[t], fleet.bus[0], -devices_kw(played, row).sum(axis=1))
    reach = np.broadcast_to(
        inverter_kva(fleet) * tan(acos(settings.least_power_factor)), base.shape
    )
    providers = Providers(
        fleet.bus[0],
        np.minimum(least, base),
        np.maximum(most, base),
        base,
        -reach,
        reach,
        np.zeros_like(base),
    )
    return operating_regions(
        case.game.power_flow,
        providers,
        fixed,
        kvar,
        directions=settings.directions,
        cure=cure,
    )


def played_devices(records: Sequence[IntervalRecord]) -> Baseline:
    """Return what devices did in `records`; the state before them is not told apart."""
    return played_baseline(records[0].state, records)
