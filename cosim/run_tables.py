"""The tables of a run, made from its records: columns of plain arrays, environment 0.

Bus, line and transformer numbers are pandapower's own. Elements read "bus 17", "line 3" or
"trafo 0"; sellers, buyers and parties of the ledger are prosumer numbers as text or the name of
an account such as "aggregator". Signs: power > 0 is drawn, wholesale energy > 0 is sold. Where no
power flow was found, what would follow from its voltages is NaN: the last iterate is no state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.grid.limits import TOLERANCE, excess, reason_of
from cosim.records import AGGREGATOR, Integers, World
from cosim.results import Account, DayRecord, GridState, IntervalRecord, Reason, Verdict
from cosim.run_bid_tables import bid_buses_table, wholesale_table
from cosim.run_columns import (
    booleans,
    column,
    element_texts,
    floats,
    integers,
    names,
    reason_texts,
    texts,
)
from cosim.run_ledger import Kind, ledger
from cosim.scenario import Tariff
from networks.feeder import LINE, TRANSFORMER, Feeder

Table = Mapping[str, NDArray[Any]]
TABLES = (
    *("intervals", "buses", "lines", "trafos"),
    *("trades", "prosumers", "wholesale", "bid_buses", "ledger"),
)
"""Names of the tables of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class RunRecords:
    """What the tables are made from."""

    feeder: Feeder
    world: World
    days: Sequence[DayRecord]
    tariff: Tariff

    @property
    def intervals(self) -> list[IntervalRecord]:
        """All intervals in order."""
        return [record for day in self.days for record in day.intervals]

    @property
    def numbers(self) -> Integers:
        """Position in the run of every interval, (T,)."""
        return np.array([record.interval for record in self.intervals], np.int64)


def run_tables(records: RunRecords) -> dict[str, Table]:
    """Return every table of a run by its name, each as named columns of equal length."""
    return {
        "intervals": _intervals(records),
        "buses": _buses(records),
        "lines": _branches(records, LINE),
        "trafos": _branches(records, TRANSFORMER),
        "trades": _trades(records),
        "prosumers": _prosumers(records),
        "wholesale": wholesale_table(records.feeder, records.world, records.days),
        "bid_buses": bid_buses_table(records.feeder, records.days),
        "ledger": _ledger(records),
    }


def broken_text(feeder: Feeder, state: GridState) -> str:
    """Return the limit that environment 0 breaks the most, e.g. "undervoltage bus 17", "" for none.

    Excesses are compared in p.u. of voltage and in shares of a rating.
    """
    if not state.converged[0]:
        return Reason.NO_POWER_FLOW.name.lower()
    rows = excess(feeder, state)[0]
    worst = int(rows.argmax())
    if rows[worst] <= TOLERANCE:
        return ""
    reason, element = reason_of(feeder, worst)
    (name,) = element_texts(np.array([reason]), np.array([element]), feeder)
    return f"{reason.name.lower()} {name}"


def _intervals(records: RunRecords) -> Table:
    intervals, world = records.intervals, records.world
    quotes = [
        (
            day.signal.buy_eur_per_kwh[r.interval - day.first_interval, 0],
            day.signal.sell_eur_per_kwh[r.interval - day.first_interval, 0],
        )
        for day in records.days
        for r in day.intervals
    ]
    states = [record.validation.state for record in intervals]
    return {
        "interval": records.numbers,
        "start_utc": world.calendar.start_utc[records.numbers].astype("datetime64[ms]"),
        "local_price_eur_per_kwh": floats(r.clearing.price_eur_per_kwh[0] for r in intervals),
        "local_paid_eur_per_kwh": floats(_paid_local_price(record) for record in intervals),
        "buy_eur_per_kwh": floats(buy for buy, _ in quotes),
        "sell_eur_per_kwh": floats(sell for _, sell in quotes),
        "local_kwh": floats(_accepted_local_kwh(record) for record in intervals),
        "slack_kw": floats(_solved(state, state.slack_kw[0]) for state in states),
        "loss_kw": floats(_solved(state, state.loss_kw[0]) for state in states),
        "secure": booleans(record.validation.secure[0] for record in intervals),
        "broken": texts(broken_text(records.feeder, state) for state in states),
        "preexisting": booleans(record.validation.preexisting[0] for record in intervals),
        "converged": booleans(state.converged[0] for state in states),
        "power_flow_iterations": np.array([s.iterations[0] for s in states], np.int64),
    }


def _buses(records: RunRecords) -> Table:
    validations = [record.validation for record in records.intervals]
    prices = [record.charges.prices for record in records.intervals]
    count = records.feeder.bus_count
    return {
        "interval": np.repeat(records.numbers, count),
        "bus": np.tile(records.feeder.bus_index, len(validations)),
        "p_kw": column(v.bus_kw[0] for v in validations),
        "q_kvar": column(v.bus_kvar[0] for v in validations),
        "vm_pu": column(_solved(v.state, v.state.voltage_pu[0]) for v in validations),
        "loss_eur_per_kwh": column(p.loss_eur_per_kwh[0] for p in prices),
        "voltage_eur_per_kwh": column(p.voltage_eur_per_kwh[0] for p in prices),
        "congestion_eur_per_kwh": column(p.congestion_eur_per_kwh[0] for p in prices),
    }


def _branches(records: RunRecords, kind: int) -> Table:
    feeder, intervals = records.feeder, records.intervals
    mine = np.flatnonzero(feeder.branch_kind == kind)
    states = [record.validation.state for record in intervals]
    loading = (_solved(state, state.loading_percent[0, mine]) for state in states)
    return {
        "interval": np.repeat(records.numbers, len(mine)),
        "element": np.tile(feeder.branch_index[mine], len(intervals)),
        "loading_percent": column(loading),
    }


def _trades(records: RunRecords) -> Table:
    intervals = records.intervals
    mine = [_own_trades(record) for record in intervals]
    counts = [part.stop - part.start for part in mine]
    trades = [(record.clearing.trades, part) for record, part in zip(intervals, mine, strict=True)]
    verdicts = [(record.validation, part) for record, part in zip(intervals, mine, strict=True)]
    charges = [(record.charges, part) for record, part in zip(intervals, mine, strict=True)]
    reason = integers(v.reason[part] for v, part in verdicts)
    element = integers(v.element[part] for v, part in verdicts)
    verdict = integers(v.verdict[part] for v, part in verdicts)
    return {
        "interval": np.repeat(records.numbers, counts),
        "trade": integers(np.arange(count) for count in counts),
        "seller": _trader_texts(integers(t.seller[part] for t, part in trades)),
        "buyer": _trader_texts(integers(t.buyer[part] for t, part in trades)),
        "cleared_kwh": column(t.cleared_kwh[part] for t, part in trades),
        "accepted_kwh": column(v.accepted_kwh[part] for v, part in verdicts),
        "price_eur_per_kwh": column(t.price_eur_per_kwh[part] for t, part in trades),
        "verdict": names(Verdict, verdict),
        "reason": reason_texts(reason),
        "element": element_texts(reason, element, records.feeder),
        "ask_eur_per_kwh": column(t.ask_eur_per_kwh[part] for t, part in trades),
        "bid_eur_per_kwh": column(t.bid_eur_per_kwh[part] for t, part in trades),
        "seller_charge_eur": column(c.seller_eur[part] for c, part in charges),
        "buyer_charge_eur": column(c.buyer_eur[part] for c, part in charges),
        "shadow_eur_per_kwh": column(v.shadow_eur_per_kwh[part] for v, part in verdicts),
        "firm": np.concatenate([t.firm[part] for t, part in trades] or [np.empty(0, bool)]),
    }


def _prosumers(records: RunRecords) -> Table:
    intervals, fleet = records.intervals, records.world.fleet
    count = fleet.bus.shape[1]
    dispatch = [record.dispatch for record in intervals]
    states = [record.state for record in intervals]
    load = (records.world.actual.load_kw[record.interval, 0] for record in intervals)
    return {
        "interval": np.repeat(records.numbers, count),
        "prosumer": np.tile(np.arange(count), len(intervals)),
        "bus": np.tile(records.feeder.bus_index[fleet.bus[0]], len(intervals)),
        "load_kw": column(load),
        "pv_kw": column(d.pv_kw[0] for d in dispatch),
        "battery_kw": column(d.battery_kw[0] for d in dispatch),
        "soc_kwh": column(s.battery_kwh[0] for s in states),
        "vehicle_kw": column(d.vehicle_kw[0] for d in dispatch),
        "vehicle_missing_kwh": column(s.vehicle_missing_kwh[0] for s in states),
        "heat_pump_kw": column(d.heat_pump_kw[0] for d in dispatch),
        "indoor_celsius": column(s.indoor_celsius[0] for s in states),
        "curtailed_kw": column(d.curtailed_kw[0] for d in dispatch),
        "net_load_kw": column(d.net_kw[0] for d in dispatch),
    }


def _ledger(records: RunRecords) -> Table:
    prosumers = records.world.fleet.bus.shape[1]
    parties = np.array(
        [*(str(number) for number in range(prosumers)), *(a.name.lower() for a in Account)],
        dtype=object,
    )
    payments = ledger(records.days, records.world, records.tariff)
    return {
        "interval": payments.interval,
        "payer": parties[payments.payer],
        "payee": parties[payments.payee],
        "kind": names(Kind, payments.kind),
        "eur": payments.eur,
    }


def _own_trades(record: IntervalRecord) -> slice:
    """Return where the trades of environment 0 stand."""
    start = record.clearing.trades.start
    return slice(int(start[0]), int(start[1]))


def _accepted_local_kwh(record: IntervalRecord) -> float:
    """Return the energy that prosumers traded with each other."""
    mine = _own_trades(record)
    return float(record.validation.accepted_kwh[mine] @ record.clearing.trades.local[mine])


def _paid_local_price(record: IntervalRecord) -> float:
    """Return the mean price of what prosumers traded with each other, NaN where that is nothing."""
    mine, trades = _own_trades(record), record.clearing.trades
    kwh = record.validation.accepted_kwh[mine] * trades.local[mine]
    total = float(kwh.sum())
    return float(kwh @ trades.price_eur_per_kwh[mine]) / total if total > 0.0 else float("nan")


def _solved(state: GridState, values: Any) -> Any:
    """Return what a state of environment 0 says, NaN where it is none."""
    return values if state.converged[0] else np.full_like(values, np.nan)


def _trader_texts(codes: Integers) -> NDArray[np.object_]:
    """Return traders as text: the number of a prosumer, or "aggregator"."""
    return np.asarray(np.where(codes == AGGREGATOR, "aggregator", codes.astype(str)).astype(object))
