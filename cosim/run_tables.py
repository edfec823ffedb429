"""The tables of a run, made from its records: columns of plain arrays, environment 0.

Bus, line and transformer numbers are pandapower's own. Elements read "bus 17", "line 3" or
"trafo 0"; sellers, buyers and parties of the ledger are prosumer numbers as text or the name of
an account such as "aggregator". Signs: power > 0 is drawn, wholesale energy > 0 is sold. Where no
power flow was found, what would follow from its voltages is NaN: the last iterate is no state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.grid.limits import TOLERANCE, excess, reason_of
from cosim.records import AGGREGATOR, Booleans, Floats, Integers, World
from cosim.results import Account, DayRecord, GridState, IntervalRecord, Reason, Verdict
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
        "wholesale": _wholesale(records),
        "bid_buses": _bid_buses(records),
        "ledger": _ledger(records),
    }


def element_texts(reason: Integers, element: Integers, feeder: Feeder) -> NDArray[np.object_]:
    """Return the binding elements as text: "bus 17", "line 3", "trafo 0", "" for none."""
    buses = [f"bus {number}" for number in feeder.bus_index]
    branches = [
        f"{'line' if kind == LINE else 'trafo'} {number}"
        for kind, number in zip(feeder.branch_kind, feeder.branch_index, strict=True)
    ]
    voltage = np.isin(reason, (Reason.OVERVOLTAGE, Reason.UNDERVOLTAGE))
    overload = np.isin(reason, (Reason.LINE_OVERLOAD, Reason.TRANSFORMER_OVERLOAD))
    texts = np.array([*buses, *branches, ""], dtype=object)
    position = np.full(len(element), len(texts) - 1)
    known = element >= 0
    position = np.where(known & voltage, element, position)
    position = np.where(known & overload, len(buses) + element, position)
    return np.asarray(texts[position])


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
        "local_price_eur_per_kwh": _floats(r.clearing.price_eur_per_kwh[0] for r in intervals),
        "local_paid_eur_per_kwh": _floats(_paid_local_price(record) for record in intervals),
        "buy_eur_per_kwh": _floats(buy for buy, _ in quotes),
        "sell_eur_per_kwh": _floats(sell for _, sell in quotes),
        "local_kwh": _floats(_accepted_local_kwh(record) for record in intervals),
        "slack_kw": _floats(_solved(state, state.slack_kw[0]) for state in states),
        "loss_kw": _floats(_solved(state, state.loss_kw[0]) for state in states),
        "secure": _booleans(record.validation.secure[0] for record in intervals),
        "broken": _texts(broken_text(records.feeder, state) for state in states),
        "preexisting": _booleans(record.validation.preexisting[0] for record in intervals),
        "converged": _booleans(state.converged[0] for state in states),
        "power_flow_iterations": np.array([s.iterations[0] for s in states], np.int64),
    }


def _buses(records: RunRecords) -> Table:
    validations = [record.validation for record in records.intervals]
    prices = [record.charges.prices for record in records.intervals]
    count = records.feeder.bus_count
    return {
        "interval": np.repeat(records.numbers, count),
        "bus": np.tile(records.feeder.bus_index, len(validations)),
        "p_kw": _column(v.bus_kw[0] for v in validations),
        "q_kvar": _column(v.bus_kvar[0] for v in validations),
        "vm_pu": _column(_solved(v.state, v.state.voltage_pu[0]) for v in validations),
        "loss_eur_per_kwh": _column(p.loss_eur_per_kwh[0] for p in prices),
        "voltage_eur_per_kwh": _column(p.voltage_eur_per_kwh[0] for p in prices),
        "congestion_eur_per_kwh": _column(p.congestion_eur_per_kwh[0] for p in prices),
    }


def _branches(records: RunRecords, kind: int) -> Table:
    feeder, intervals = records.feeder, records.intervals
    mine = np.flatnonzero(feeder.branch_kind == kind)
    states = [record.validation.state for record in intervals]
    loading = (_solved(state, state.loading_percent[0, mine]) for state in states)
    return {
        "interval": np.repeat(records.numbers, len(mine)),
        "element": np.tile(feeder.branch_index[mine], len(intervals)),
        "loading_percent": _column(loading),
    }


def _trades(records: RunRecords) -> Table:
    intervals = records.intervals
    mine = [_own_trades(record) for record in intervals]
    counts = [part.stop - part.start for part in mine]
    trades = [(record.clearing.trades, part) for record, part in zip(intervals, mine, strict=True)]
    verdicts = [(record.validation, part) for record, part in zip(intervals, mine, strict=True)]
    charges = [(record.charges, part) for record, part in zip(intervals, mine, strict=True)]
    reason = _integers(v.reason[part] for v, part in verdicts)
    element = _integers(v.element[part] for v, part in verdicts)
    verdict = _integers(v.verdict[part] for v, part in verdicts)
    return {
        "interval": np.repeat(records.numbers, counts),
        "trade": _integers(np.arange(count) for count in counts),
        "seller": _trader_texts(_integers(t.seller[part] for t, part in trades)),
        "buyer": _trader_texts(_integers(t.buyer[part] for t, part in trades)),
        "cleared_kwh": _column(t.cleared_kwh[part] for t, part in trades),
        "accepted_kwh": _column(v.accepted_kwh[part] for v, part in verdicts),
        "price_eur_per_kwh": _column(t.price_eur_per_kwh[part] for t, part in trades),
        "verdict": _names(Verdict, verdict),
        "reason": _reason_texts(reason),
        "element": element_texts(reason, element, records.feeder),
        "ask_eur_per_kwh": _column(t.ask_eur_per_kwh[part] for t, part in trades),
        "bid_eur_per_kwh": _column(t.bid_eur_per_kwh[part] for t, part in trades),
        "seller_charge_eur": _column(c.seller_eur[part] for c, part in charges),
        "buyer_charge_eur": _column(c.buyer_eur[part] for c, part in charges),
        "shadow_eur_per_kwh": _column(v.shadow_eur_per_kwh[part] for v, part in verdicts),
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
        "load_kw": _column(load),
        "pv_kw": _column(d.pv_kw[0] for d in dispatch),
        "battery_kw": _column(d.battery_kw[0] for d in dispatch),
        "soc_kwh": _column(s.battery_kwh[0] for s in states),
        "vehicle_kw": _column(d.vehicle_kw[0] for d in dispatch),
        "vehicle_missing_kwh": _column(s.vehicle_missing_kwh[0] for s in states),
        "heat_pump_kw": _column(d.heat_pump_kw[0] for d in dispatch),
        "indoor_celsius": _column(s.indoor_celsius[0] for s in states),
        "curtailed_kw": _column(d.curtailed_kw[0] for d in dispatch),
        "net_load_kw": _column(d.net_kw[0] for d in dispatch),
    }


def _bid_buses(records: RunRecords) -> Table:
    """Return what the day-ahead bid stands for at each bus: it solves the feeder again."""
    bids = [day.bid for day in records.days]
    count = records.feeder.bus_count
    return {
        "interval": np.repeat(records.numbers, count),
        "bus": np.tile(records.feeder.bus_index, len(records.numbers)),
        "offered_kw": _column(bid.offered_bus_kw[:, 0].ravel() for bid in bids),
        "validated_kw": _column(bid.validated_bus_kw[:, 0].ravel() for bid in bids),
        "q_kvar": _column(bid.bus_kvar[:, 0].ravel() for bid in bids),
    }


def _wholesale(records: RunRecords) -> Table:
    settlements = [record.settlement for record in records.intervals]
    bids = [
        (day.bid, record.interval - day.first_interval)
        for day in records.days
        for record in day.intervals
    ]
    verdict = np.array([bid.verdict[t, 0] for bid, t in bids], np.int64)
    reason = np.array([bid.reason[t, 0] for bid, t in bids], np.int64)
    element = np.array([bid.element[t, 0] for bid, t in bids], np.int64)
    actual = records.world.actual
    return {
        "interval": records.numbers,
        "bid_kwh": _floats(bid.offered_kwh[t, 0] for bid, t in bids),
        "validated_kwh": _floats(bid.validated_kwh[t, 0] for bid, t in bids),
        "verdict": _names(Verdict, verdict),
        "reason": _reason_texts(reason),
        "element": element_texts(reason, element, records.feeder),
        "delivered_kwh": _floats(s.delivered_kwh[0] for s in settlements),
        "imbalance_kwh": _floats(s.imbalance_kwh[0] for s in settlements),
        "day_ahead_eur_per_kwh": actual.day_ahead_eur_per_kwh[records.numbers, 0],
        "imbalance_eur_per_kwh": _floats(s.imbalance_price_eur_per_kwh[0] for s in settlements),
        "system_imbalance_eur_per_kwh": actual.imbalance_eur_per_kwh[records.numbers, 0],
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
        "kind": _names(Kind, payments.kind),
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


def _names(members: type[IntEnum], codes: Integers) -> NDArray[np.object_]:
    """Return enumeration members as lower-case text."""
    return np.asarray(np.array([m.name.lower() for m in members], dtype=object)[codes])


def _reason_texts(codes: Integers) -> NDArray[np.object_]:
    """Return reasons as lower-case text, "" for none."""
    return np.asarray(np.where(codes == Reason.NONE, "", _names(Reason, codes)))


def _trader_texts(codes: Integers) -> NDArray[np.object_]:
    """Return traders as text: the number of a prosumer, or "aggregator"."""
    return np.asarray(np.where(codes == AGGREGATOR, "aggregator", codes.astype(str)).astype(object))


def _column(parts: Iterable[Floats]) -> Floats:
    """Return the numbers of all intervals as one column; there may be none."""
    return np.concatenate([*parts, np.empty(0)])


def _integers(parts: Iterable[Integers]) -> Integers:
    return np.concatenate([*parts, np.empty(0, np.int64)])


def _texts(values: Iterable[str]) -> NDArray[np.object_]:
    return np.array(list(values), dtype=object)


def _floats(values: Iterable[Any]) -> Floats:
    return np.array(list(values), np.float64)


def _booleans(values: Iterable[Any]) -> Booleans:
    return np.array(list(values), np.bool_)
