"""What a day looks like on forecasts with devices left to themselves: flexibility and headroom.

It needs no market and no followers, so that a leader can know it before it announces prices.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.grid import limits
from cosim.grid.validation import at_buses
from cosim.interval import surroundings
from cosim.records import Exogenous, Floats, State
from cosim.results import GridState
from cosim.scoring.flexibility import WINDOWS, Baseline, left_alone, sustained

REACH_H: Final = max(WINDOWS.values())


@dataclass(frozen=True, slots=True, eq=False)
class Prospect:
    """Flexibility of all devices from now on, and what the grid would look like; (B,) by row."""

    up_kw: Floats  # (windows, B) sustained over each of WINDOWS, >= 0
    down_kw: Floats  # (windows, B)
    headroom_up_pu: Floats  # (B,) least distance of a voltage to its upper limit
    headroom_down_pu: Floats  # (B,) to its lower limit
    headroom_loading_percent: Floats  # (B,) of a branch to its limit
    insecure_share: Floats  # (B,) of the intervals that break a limit


def prospect_of(game: Game, state: State, forecast: Exogenous, length: int) -> Prospect:
    """Return the prospect of the next `length` intervals, at least one, from `state` on."""
    reach = max(length, round(REACH_H / game.interval_h))
    baseline = left_alone(game.fleet, state, forecast, reach, interval_h=game.interval_h)
    up, down = fleet_flexibility_kw(game, baseline, forecast)
    states = [_state_of(game, baseline, forecast, row) for row in range(length)]
    feeder = game.power_flow.feeder
    excess = np.stack([limits.excess(feeder, each) for each in states])
    buses = feeder.bus_count
    known = np.where(np.isfinite(excess), -excess, 0.0)
    return Prospect(
        up_kw=up,
        down_kw=down,
        headroom_up_pu=known[:, :, :buses].min(axis=(0, 2)),
        headroom_down_pu=known[:, :, buses : 2 * buses].min(axis=(0, 2)),
        headroom_loading_percent=limits.PERCENT
        * known[:, :, 2 * buses :].min(axis=(0, 2), initial=np.inf),
        insecure_share=np.mean([~limits.within(rows) for rows in excess], axis=0),
    )


def fleet_flexibility_kw(
    game: Game, baseline: Baseline, exogenous: Exogenous
) -> tuple[Floats, Floats]:
    """Return (up, down) of all devices together from the baseline's first interval, (windows, B).

    What windows need that reach beyond the known is called 0.
    """
    found = []
    for hours in WINDOWS.values():
        each = sustained(
            game.fleet,
            baseline,
            exogenous,
            window_h=hours,
            interval_h=game.interval_h,
            starts=1,
        )
        found.append([np.nan_to_num(kw[0]).sum(axis=(1, 2)) for kw in (each.up_kw, each.down_kw)])
    up, down = np.swapaxes(np.array(found), 0, 1)
    return up, down


def _state_of(game: Game, baseline: Baseline, exogenous: Exogenous, row: int) -> GridState:
    """Return the power flow of interval `row` of the baseline, on a grid that nobody protects."""
    now = baseline.first_interval + row
    around, devices = surroundings(game, exogenous, now), baseline.devices
    net_kw = (
        exogenous.load_kw[now]
        + devices.battery_kw[row]
        + devices.vehicle_kw[row]
        + devices.heat_pump_kw[row]
        - baseline.solar_kw[row]
    )
    return game.power_flow.solve(at_buses(around, net_kw * game.interval_h), around.kvar)
