"""The community's days as one linear programme over devices that exist, solved by HiGHS.

Columns are what devices do (energies at the meter, one each for charging and discharging a
battery), what stores hold, what meters buy and sell, and what is matched locally. A meter gets
columns of its own only where its devices decide which way it runs; elsewhere its energy follows
from them, and prosumers without devices are part of two sums. A local match is bound by both
sums, so the programme is exact: matching all that can be is best, buying and selling at the same
meter gains nothing.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from cosim.prosumers.devices import heat_response
from cosim.records import Floats, Integers
from policies.programme_columns import (
    CHARGE,
    CURTAIL,
    DISCHARGE,
    HEAT,
    VEHICLE,
    moves_of,
    reachable_band,
)
from policies.solver import PENALTY, Rows, make_solver, read_columns
from policies.vehicle_stays import Stays, stays_of
from policies.yardstick_case import Case, Schedule


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Answer of the programme."""

    schedule: Schedule
    cost_eur: float  # objective: what the community pays, wear and open positions included
    elastic: float  # sum of what limits are exceeded by, in the unit of their rows


class CommunityProgramme:
    """The least cost of a case; limits on what its devices do can be added afterwards."""

    def __init__(self, case: Case, *, local_trade: bool = True) -> None:
        """Build the programme.

        Args:
            case: environment and span.
            local_trade: whether meters may be matched; otherwise all is bought and sold at the
                case's prices.
        """
        self.case = case
        # Giving up solar power gains nothing where it can be sold for nothing or more; where limits
        # are added it comes with them.
        self._curtailable = case.sell_eur_per_kwh < 0.0
        self.moves = moves_of(case, self._curtailable)
        self._stays = stays_of(case)
        self._local_trade = local_trade
        self._cost: list[Floats] = []
        self._bounds: list[tuple[Floats, Floats]] = []
        self._width = 0
        self._rows = Rows()
        self._constant = 0.0
        self._build()

    def add_limits(self, interval: Integers, per_kwh: Floats, room: Floats) -> Integers:
        """Add rows ``sum_n per_kwh[r, n] net_kwh[interval[r], n] <= room[r]``, elastic.

        Args:
            interval: (R,) of each row.
            per_kwh: (R, N) what a kWh drawn at each meter adds to it.
            room: (R,) what its sum over all meters may be.

        Returns:
            What `drop_limit` knows each by, (R,).
        """
        for now in np.unique(interval[~self._curtailable[interval]]):
            self._let_curtail(int(now))
        moves, fixed = self.moves, self.case.fixed_kwh
        start = np.searchsorted(moves.interval_sorted, np.arange(self.case.length + 1))
        places = self._solver.getNumRow() + np.arange(len(interval))
        for row, now in enumerate(interval):
            mine = moves.by_interval[start[now] : start[now + 1]]
            value = per_kwh[row, moves.prosumer[mine]] * moves.sign[mine]
            # The slack counts in kWh at the meter that matters most.
            scale = float(np.abs(per_kwh[row]).max(initial=0.0)) or 1.0
            left = float(room[row] - per_kwh[row] @ fixed[now]) / scale
            self._solver.addCol(self._penalty, 0.0, highspy.kHighsInf, 0, [], [])
            index = np.append(moves.column[mine], self._width).astype(np.int32)
            self._solver.addRow(
                -highspy.kHighsInf, left, len(index), index, np.append(value / scale, -1.0)
            )
            self._elastic.append(self._width)
            self._width += 1
        return places

    def drop_limit(self, place: int) -> None:
        """Take a limit away; `place` is what `add_limits` returned for it."""
        self._solver.changeRowBounds(place, -highspy.kHighsInf, highspy.kHighsInf)

    def solve(self) -> Solution:
        """Return the least-cost schedule.

        Raises:
            RuntimeError: where HiGHS finds none; the programme of a possible state has one.
        """
        values, objective = np.zeros(0), self._constant
        if self._width:
            values, objective = read_columns(self._solver)
        moves, shape = self.moves, self.case.fixed_kwh.shape
        tables = np.zeros((5, *shape))
        done = np.clip(values[moves.column], 0.0, moves.most_kwh)
        tables[moves.kind, moves.interval, moves.prosumer] = done
        over = float(values[self._elastic].sum()) if self._elastic else 0.0
        return Solution(
            schedule=Schedule(
                battery_kwh=tables[CHARGE] - tables[DISCHARGE],
                vehicle_kwh=tables[VEHICLE],
                heat_pump_kwh=tables[HEAT],
                curtailed_kwh=tables[CURTAIL],
            ),
            cost_eur=objective,
            elastic=over,
        )

    def _let_curtail(self, now: int) -> None:
        """Let all meters that may feed in give up solar power in an interval."""
        case, hours = self.case, self.case.interval_h
        prosumers = np.flatnonzero(~self._draws[now] & (case.exogenous.pv_kw[now, 0] > 0.0))
        most = case.exogenous.pv_kw[now, 0] * hours
        for prosumer in prosumers:
            if self._feeds[now, prosumer]:
                # What it sells follows from the column: it earns less, and less can be matched.
                most[prosumer] = -case.fixed_kwh[now, prosumer]
                cost, row, value = float(case.sell_eur_per_kwh[now]), self._sold_row[now], 1.0
            else:
                cost, row, value = 0.0, self._meter[now, prosumer], -1.0
            entries = ([int(row)], [value]) if row >= 0 else ([], [])
            self._solver.addCol(cost, 0.0, float(most[prosumer]), len(entries[0]), *entries)
        column = self._width + np.arange(len(prosumers))
        self._width += len(prosumers)
        self.moves = self.moves.with_curtailing(now, prosumers, most[prosumers], column)
        self._curtailable[now] = True

    def _columns(self, cost: Floats, lower: Floats, upper: Floats) -> Integers:
        """Add columns and return their positions."""
        first = self._width
        self._width += len(cost)
        self._cost.append(cost)
        self._bounds.append((lower, upper))
        return np.arange(first, self._width)

    def _build(self) -> None:
        case, moves = self.case, self.moves
        wear = np.where(
            (moves.kind == CHARGE) | (moves.kind == DISCHARGE), case.span.wear_eur_per_kwh, 0.0
        )
        nothing = np.zeros(len(wear))
        self._columns(wear, nothing, moves.most_kwh)
        self._batteries()
        self._rooms()
        self._vehicles(self._stays)
        self._meters()
        self._penalty = PENALTY * float(np.abs(np.concatenate(self._cost)).max(initial=1.0))
        self._elastic: list[int] = []
        self._solver = make_solver(
            self._cost,
            self._bounds,
            self._rows,
            self._constant,
        )

    def _batteries(self) -> None:
        """Tie what batteries hold to what they did; at the end it is worth the feed-in price."""
        case, moves = self.case, self.moves
        owners = np.flatnonzero((case.fleet.battery_kwh[0] > 0.0) & (case.fleet.battery_kw[0] > 0))
        full = case.fleet.battery_kwh[0]
        gain = case.fleet.battery_charge_efficiency[0]
        give = case.fleet.battery_discharge_efficiency[0]
        start = case.state.battery_kwh[0]
        owned = np.zeros(len(full), np.bool_)
        owned[owners] = True
        self._constant -= float((start * give)[~owned].sum()) * case.feed_in_eur_per_kwh
        if not len(owners):
            return
        shape = (case.length, len(owners))
        cost = np.zeros(shape)
        cost[-1] = -case.feed_in_eur_per_kwh * give[owners]
        held = self._columns(
            cost.ravel(), np.zeros(cost.size), np.tile(full[owners], case.length)
        ).reshape(shape)
        charge, discharge = moves.table(CHARGE)[:, owners], moves.table(DISCHARGE)[:, owners]
        now = np.zeros(shape)
        now[0] = start[owners]
        rows = self._rows.equal(now.ravel()).reshape(shape)
        self._rows.enter(rows, held, 1.0)
        self._rows.enter(rows[1:], held[:-1], -1.0)
        self._rows.enter(rows, charge, np.broadcast_to(-gain[owners], shape))
        self._rows.enter(rows, discharge, np.broadcast_to(1.0 / give[owners], shape))

    def _rooms(self) -> None:
        """Tie temperatures to heating; warmth above the target is worth little at the end."""
        case, fleet = self.case, self.case.fleet
        owners = np.flatnonzero(fleet.heat_pump_kw[0] > 0.0)
        if not len(owners):
            return
        remaining, gain = (values[0, owners] for values in heat_response(fleet, case.interval_h))
        target = fleet.comfort_target_celsius[0, owners]
        reference = case.exogenous.heat_pump_reference_kw[:, 0, owners] * case.interval_h
        most = fleet.heat_pump_kw[0, owners] * case.interval_h
        start = case.state.indoor_celsius[0, owners] - target
        band = (
            fleet.comfort_min_celsius[0, owners] - target,
            fleet.comfort_max_celsius[0, owners] - target,
        )
        low, high = reachable_band(start, band, remaining, gain, (reference, most))
        shape = reference.shape
        warmth = self._columns(np.zeros(reference.size), low.ravel(), high.ravel()).reshape(shape)
        side = -gain * reference
        side[0] += remaining * start
        rows = self._rows.equal(side.ravel()).reshape(shape)
        self._rows.enter(rows, warmth, 1.0)
        self._rows.enter(rows[1:], warmth[:-1], np.broadcast_to(-remaining, rows[1:].shape))
        heating = self.moves.table(HEAT)[:, owners]
        self._rows.enter(rows, heating, np.broadcast_to(-gain, shape))
        worth = fleet.building_kwh_per_kelvin[0, owners] / fleet.heat_pump_cop[0, owners]
        nothing, endless = np.zeros(len(owners)), np.full(len(owners), highspy.kHighsInf)
        above = self._columns(-worth * case.feed_in_eur_per_kwh, nothing, endless)
        below = self._columns(worth * case.retail_eur_per_kwh, nothing, endless)
        end = self._rows.equal(nothing)
        self._rows.enter(end, warmth[-1], 1.0)
        self._rows.enter(end, above, -1.0)
        self._rows.enter(end, below, 1.0)

    def _vehicles(self, stays: Stays) -> None:
        """Bound what stays charge in total; what is owed at the end costs the retail price."""
        case = self.case
        self._constant += float(stays.owed_kwh.sum()) * case.retail_eur_per_kwh
        if not len(stays.first):
            return
        table = self.moves.table(VEHICLE)
        rows = self._rows.between(stays.least_kwh, stays.most_kwh)
        for row, prosumer, first, end, last in zip(
            rows, stays.prosumer, stays.first, stays.end, stays.last, strict=True
        ):
            mine = table[first:end, prosumer]
            mine = mine[mine >= 0]
            self._rows.enter(np.full(len(mine), row), mine, 1.0)
            if last:
                self._cost[0][mine] -= case.retail_eur_per_kwh

    def _meters(self) -> None:
        """Price what meters buy and sell, and match them."""
        case, moves = self.case, self.moves
        fixed, buy, sell = case.fixed_kwh, case.buy_eur_per_kwh, case.sell_eur_per_kwh
        draws, feeds = moves.one_way(fixed)
        both = ~(draws | feeds)
        self._draws, self._feeds = draws, feeds
        bought = (np.where(draws, fixed, 0.0)).sum(axis=1)
        sold = (np.where(feeds, -fixed, 0.0)).sum(axis=1)
        self._constant += float(buy @ bought - sell @ sold)
        at = moves.interval, moves.prosumer
        self._cost[0] += moves.sign * np.where(
            draws[at], buy[moves.interval], np.where(feeds[at], sell[moves.interval], 0.0)
        )
        interval, prosumer = np.nonzero(both)
        count = len(interval)
        endless = np.full(count, highspy.kHighsInf)
        buying = self._columns(buy[interval], np.zeros(count), endless)
        selling = self._columns(-sell[interval], np.zeros(count), endless)
        meter = np.full(both.shape, -1)
        meter[interval, prosumer] = self._rows.equal(fixed[interval, prosumer])
        self._meter, self._sold_row = meter, np.full(case.length, -1)
        rows = meter[interval, prosumer]
        self._rows.enter(rows, buying, 1.0)
        self._rows.enter(rows, selling, -1.0)
        mine = np.flatnonzero(both[at])
        self._rows.enter(meter[at][mine], mine, -moves.sign[mine])

        spread = case.spread_eur_per_kwh
        local = np.flatnonzero(spread > 0.0) if self._local_trade else np.zeros(0, np.int64)
        if not len(local):
            return
        matched = self._columns(
            -spread[local], np.zeros(len(local)), np.full(len(local), highspy.kHighsInf)
        )
        of = np.full(case.length, -1)
        for sums, single, one_way, sign in (
            (bought, buying, draws, -1.0),
            (sold, selling, feeds, 1.0),
        ):
            of[local] = self._rows.at_most(sums[local])
            self._rows.enter(of[local], matched, 1.0)
            known = of[interval] >= 0
            self._rows.enter(of[interval][known], single[known], -1.0)
            mine = np.flatnonzero(one_way[at] & (of[moves.interval] >= 0))
            self._rows.enter(of[moves.interval[mine]], mine, sign * moves.sign[mine])
        self._sold_row = of
