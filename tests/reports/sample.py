"""A made-up but plausible run, cheap to generate: linear voltages on a small radial feeder.

Flows add up (meters, trades, ledger), so that what a report says of it can be checked.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from cosim.records import Fleet
from cosim.reports.report_data import ArmTables, ReportData
from networks.feeder import LINE, TRANSFORMER, Feeder

Floats = NDArray[np.float64]

INTERVAL_H = 0.25
PER_DAY = 96
FULL_FEE, LOCAL_FEE, FULL_LEVY, LOCAL_LEVY = 0.08, 0.04, 0.10, 0.05
RETAIL, FEED_IN = 0.30, 0.03
DEVICE_COLUMNS = ("vehicle_kw", "vehicle_missing_kwh", "heat_pump_kw", "indoor_celsius")


@dataclass(frozen=True)
class Options:
    """What kind of run to make up."""

    days: int = 1
    prosumers: int = 24
    seed: int = 0
    pv_kwp: float = 12.0
    trade: bool = True
    devices: bool = True  # batteries, vehicles, heat pumps
    comparison: bool = True
    preexisting: bool = False
    coordinates: bool = True
    ratings_assumed: bool = True
    transformer_kw: float = 60.0  # rating, also scales the lines
    start: str = "2016-06-12T22:00"


def sample_feeder(options: Options) -> Feeder:
    """Return a radial feeder: transformer 0-1, three branches of six buses behind bus 1."""
    sources, targets, x, y = [0, 1, 1, 1], [1, 2, 8, 14], [0.0, 0.0], [0.0, -1.0]
    for branch in range(3):
        for depth in range(6):
            x.append(1.6 * (branch - 1) + 0.25 * depth * (branch - 1))
            y.append(-2.0 - depth)
            if depth:
                sources.append(1 + 6 * branch + depth)
                targets.append(2 + 6 * branch + depth)
    buses, branches = len(x), len(sources)
    kinds = np.array([TRANSFORMER] + [LINE] * (branches - 1))
    missing = 1.0 if options.coordinates else np.nan
    return Feeder(
        name="sample_lv",
        title="Sample low-voltage feeder, three branches",
        source="made up for tests",
        ratings_assumed=options.ratings_assumed,
        ratings_source="Line ratings were matched on resistance per length.",
        net_sha256="0" * 64,
        bus_index=np.arange(buses),
        bus_name=tuple(f"Bus {'RIC'[(i - 2) // 6]}{(i - 2) % 6}" if i > 1 else "Station"
                       for i in range(buses)),
        bus_nominal_kv=np.array([20.0] + [0.4] * (buses - 1)),
        bus_x=np.array(x) * missing,
        bus_y=np.array(y) * missing,
        bus_zone=("",) * buses,
        node_of_bus=np.arange(buses),
        voltage_min_pu=np.full(buses, 0.9),
        voltage_max_pu=np.full(buses, 1.1),
        nominal_load_kw=np.full(buses, 10.0),
        nominal_load_kvar=np.full(buses, 3.0),
        branch_kind=kinds,
        branch_index=np.concatenate([[0], np.arange(branches - 1)]),
        branch_name=("Trafo 20/0.4 kV",
                     *(f"Line {s}-{t}" for s, t in zip(sources[1:], targets[1:], strict=True))),
        branch_from=np.array(sources),
        branch_to=np.array(targets),
        loading_max_percent=np.full(branches, 100.0),
        base_mva=1.0,
        slack_node=0,
        slack_voltage_pu=1.0 + 0.0j,
        admittance=sparse.csc_matrix(np.eye(buses, dtype=complex)),
        fixed_injection_pu=np.zeros(buses, dtype=complex),
        loading_from=sparse.csr_matrix((branches, buses), dtype=complex),
        loading_to=sparse.csr_matrix((branches, buses), dtype=complex),
    )


@dataclass(frozen=True)
class LinearGrid:
    """Voltages and loadings that are linear in the drawn power."""

    feeder: Feeder
    downstream: NDArray[np.bool_]  # (L, K) whether a bus is fed through a branch
    rating_kw: Floats  # (L,)
    resistance: Floats  # (L,) p.u. voltage drop per kW

    def solve(self, bus_kw: Floats) -> tuple[Floats, Floats, Floats]:
        """Return voltages (T, K), loadings (T, L) and slack power (T,)."""
        flow = bus_kw @ self.downstream.T
        voltage = 1.0 - (flow * self.resistance) @ self.downstream
        return voltage, 100.0 * np.abs(flow) / self.rating_kw, bus_kw.sum(axis=1)


def linear_grid(feeder: Feeder, options: Options) -> LinearGrid:
    """Return the grid of a sample feeder."""
    downstream = np.zeros((feeder.branch_count, feeder.bus_count), dtype=bool)
    for branch in reversed(range(feeder.branch_count)):
        below = feeder.branch_to[branch]
        downstream[branch, below] = True
        for other in range(feeder.branch_count):
            if feeder.branch_from[other] == below:
                downstream[branch] |= downstream[other]
    rating = options.transformer_kw * np.where(feeder.branch_kind == LINE, 0.42, 1.0)
    per_kw = 0.0042 * 60.0 / options.transformer_kw
    resistance = np.where(feeder.branch_kind == LINE, per_kw / 4.5, per_kw / 8)
    return LinearGrid(feeder, downstream, rating, resistance)


@dataclass(frozen=True)
class Days:
    """What happens whatever the market says, and what each prosumer wants, kW. Axes T, N."""

    bus: NDArray[np.int64]  # (N,)
    load: Floats
    solar: Floats
    battery: Floats
    soc: Floats
    vehicle: Floats
    vehicle_missing: Floats
    heat_pump: Floats
    indoor: Floats
    passive: Floats  # (T, K)
    fleet: Fleet

    @property
    def net(self) -> Floats:
        """Power at the meter with all solar power used."""
        return self.load - self.solar + self.battery + self.vehicle + self.heat_pump


def draw_days(options: Options, feeder: Feeder) -> Days:
    """Draw the days of a run."""
    rng = np.random.default_rng(options.seed)
    count, size = options.days * PER_DAY, options.prosumers
    hour = (np.arange(count) * INTERVAL_H) % 24
    shape = 0.25 + 0.5 * np.exp(-((hour - 19.5) ** 2) / 6) + 0.3 * np.exp(-((hour - 8) ** 2) / 4)
    load = shape[:, None] * rng.gamma(4, 0.25, (count, size))
    pv_kwp = np.where(np.arange(size) % 5 < 3, options.pv_kwp * rng.uniform(0.6, 1.4, size), 0.0)
    cloud = np.repeat(rng.uniform(0.6, 1.0, options.days), PER_DAY)
    bell = np.clip(np.sin((hour - 5.5) / 15.5 * np.pi), 0, None) ** 1.4 * (hour > 5.5)
    solar = (bell * cloud)[:, None] * pv_kwp * rng.uniform(0.9, 1.0, (count, size)) * 0.85
    has = options.devices * (np.arange(size)[None, :] % 2 == 0)
    capacity = np.where(has[0] & (pv_kwp > 0), pv_kwp, 0.0)
    battery, soc = _play_batteries(solar - load, capacity)
    vehicle = has * (np.arange(size) % 4 == 0) * ((hour > 18) & (hour < 20.5))[:, None] * 3.0
    missing = np.where(vehicle > 0, (20.5 - hour)[:, None] * 3.0 * 0.9, 0.0)
    heated = options.devices & (np.arange(size) % 3 == 0)
    heat_pump = heated * (0.8 + 0.6 * np.cos((hour - 4) / 24 * 2 * np.pi))[:, None]
    drift = 0.7 * np.sin((hour - 9) / 24 * 2 * np.pi)[:, None] + rng.normal(0, 0.1, (1, size))
    indoor = np.where(heated, 21.0 + np.clip(drift, -1, 1), np.nan)
    passive = np.abs(rng.normal(1.2, 0.3, (count, feeder.bus_count))) * shape[:, None]
    passive[:, :2] = 0.0
    if options.preexisting:
        passive[70:73, 7] += 0.55 * options.transformer_kw
    bus = 2 + (np.arange(size) * 5) % (feeder.bus_count - 2)
    fleet = _fleet(bus, pv_kwp, capacity, vehicle.max(axis=0), heat_pump.max(axis=0))
    return Days(bus, load, solar, battery, soc, vehicle, missing, heat_pump * 1.0, indoor,
                passive, fleet)


def _play_batteries(surplus: Floats, capacity: Floats) -> tuple[Floats, Floats]:
    power, soc = np.zeros_like(surplus), np.zeros_like(surplus)
    stored = 0.3 * capacity
    for t, wanted in enumerate(surplus):
        charge = np.minimum(np.clip(wanted, 0, capacity / 2), (capacity - stored) / INTERVAL_H)
        discharge = np.minimum(np.clip(-wanted, 0, capacity / 2), stored / INTERVAL_H)
        power[t] = charge - discharge
        stored = stored + INTERVAL_H * power[t]
        soc[t] = stored
    return power, soc


def _fleet(bus: NDArray[np.int64], pv: Floats, battery: Floats, vehicle: Floats,
           heat_pump: Floats) -> Fleet:
    ones = np.ones((1, len(bus)))
    return Fleet(
        bus=bus[None], homes=ones, pv_kwp=pv[None], battery_kwh=battery[None],
        battery_kw=battery[None] / 2, battery_charge_efficiency=ones,
        battery_discharge_efficiency=ones, battery_start_kwh=0.3 * battery[None],
        vehicle_kw=vehicle[None], vehicle_efficiency=0.9 * ones, heat_pump_kw=heat_pump[None],
        heat_pump_cop=3 * ones, building_kwh_per_kelvin=5 * ones,
        building_time_constant_h=40 * ones, comfort_min_celsius=20 * ones,
        comfort_max_celsius=22 * ones, comfort_target_celsius=21 * ones,
    )


def sample_data(options: Options | None = None) -> ReportData:
    """Return a whole made-up run."""
    options = options or Options()
    feeder = sample_feeder(options)
    grid, days = linear_grid(feeder, options), draw_days(options, feeder)
    arms = [_arm(options, grid, days, validate) for validate in (True, False)]
    count = options.days * PER_DAY
    return ReportData(
        settings=(
            ("run", "start", options.start[:10]), ("run", "days", str(options.days)),
            ("run", "seed", str(options.seed)), ("feeder", "name", feeder.name),
            ("community", "comfort_target_celsius", "21.0"),
            ("community", "comfort_band_kelvin", "1.0"), ("forecasts", "load_error", "0.2"),
            ("forecasts", "pv_error", "0.15"), ("forecasts", "price_error_eur_per_kwh", "0.005"),
            ("forecasts", "hours_of_memory", "4.0"), ("grid", "rule", "optimal"),
            ("market", "mechanism", "uniform"), ("wholesale", "imbalance_scheme", "one_price"),
        ),
        manifest={
            "seed": options.seed, "day_ahead_label": "synthetic (calm)",
            "imbalance_label": "synthetic (calm)", "net_sha256": feeder.net_sha256,
            "versions": {"python": "3.11", "pandapower": "3.5.6"}, "pandapower_states": 96,
            "pandapower_voltage_pu": 2.1e-10, "pandapower_loading_percent": 3.4e-7,
            "seconds": 12.3,
        },
        metrics={
            name: {"local_kwh": float(arm.intervals["local_kwh"].sum()), "jain_saving": 0.71,
                   "gini_saving": 0.34, "self_consumption": 0.412}
            for name, arm in zip(("with_validation", "without_validation"), arms, strict=True)
        },
        feeder=feeder,
        start_utc=np.datetime64(options.start, "m") + 15 * np.arange(count),
        interval_h=INTERVAL_H,
        time_zone="Europe/Berlin",
        with_validation=arms[0],
        without_validation=arms[1] if options.comparison else None,
        fleet=days.fleet if options.devices else None,
    )


def _arm(options: Options, grid: LinearGrid, days: Days, validate: bool) -> ArmTables:
    prices = _prices(options)
    scale, reason, element, broken_before = _judge(grid, days, validate)
    trades = _trades(options, days, scale, reason, element)
    sells = trades[trades["seller"] != "aggregator"]
    refused = np.zeros_like(days.net)
    np.add.at(refused, (sells["interval"], sells["seller"].astype(int)),
              (sells["cleared_kwh"] - sells["accepted_kwh"]) / INTERVAL_H)
    curtailed = np.minimum(refused, days.solar)
    net = days.net + curtailed
    bus_kw = _at_buses(grid, days, net)
    voltage, loading, slack = grid.solve(bus_kw)
    prosumers = _prosumer_table(days, curtailed, net)
    wholesale = _wholesale(options, days, net, prices)
    trades["price_eur_per_kwh"] = _trade_prices(trades, prices)
    ledger = _ledger(trades, wholesale, net)
    local = (trades["seller"] != "aggregator") & (trades["buyer"] != "aggregator")
    count = len(net)
    local_kwh = np.bincount(trades["interval"][local], trades["accepted_kwh"][local],
                            minlength=count)
    secure = (voltage <= 1.1 + 1e-9).all(axis=1) & (voltage >= 0.9).all(axis=1)
    intervals = pd.DataFrame({
        "interval": np.arange(count),
        "start_utc": np.datetime64(options.start, "m") + 15 * np.arange(count),
        "local_price_eur_per_kwh": np.where(local_kwh > 0, prices["local"], np.nan),
        "buy_eur_per_kwh": prices["buy"], "sell_eur_per_kwh": prices["sell"],
        "slack_kw": slack, "loss_kw": 0.02 * np.abs(slack),
        "secure": secure & (loading <= 100 + 1e-9).all(axis=1), "preexisting": broken_before,
        "local_kwh": local_kwh, "converged": np.ones(count, dtype=bool),
    })
    return ArmTables(
        buses=_long({"p_kw": bus_kw, "q_kvar": 0.3 * bus_kw, "vm_pu": voltage}, "bus"),
        lines=_long({"loading_percent": loading[:, 1:]}, "line"),
        trafos=_long({"loading_percent": loading[:, :1]}, "trafo"),
        trades=trades, prosumers=prosumers, wholesale=wholesale, ledger=ledger,
        intervals=intervals, bills=_bills(days, ledger),
    )


def _at_buses(grid: LinearGrid, days: Days, net: Floats) -> Floats:
    bus_kw = days.passive.copy()
    np.add.at(bus_kw.T, days.bus, net.T)
    return bus_kw


def _judge(grid: LinearGrid, days: Days, validate: bool) -> tuple[Floats, list[str], list[str],
                                                                  NDArray[np.bool_]]:
    """Bisect the common share of exports that keeps every limit."""
    exports = np.clip(-days.net, 0, days.solar)

    def excess(share: Floats) -> tuple[Floats, Floats]:
        bus_kw = _at_buses(grid, days, days.net + exports * (1 - share)[:, None])
        voltage, loading, _ = grid.solve(bus_kw)
        return voltage - 1.1, loading - 100.0

    def broken(share: Floats) -> NDArray[np.bool_]:
        volts, loads = excess(share)
        return np.asarray((volts > 1e-9).any(axis=1) | (loads > 1e-9).any(axis=1))

    count = len(exports)
    low, high = np.zeros(count), np.ones(count)
    before, first = broken(low), broken(high)
    for _ in range(40):
        middle = (low + high) / 2
        bad = broken(middle)
        low, high = np.where(bad, low, middle), np.where(bad, middle, high)
    share = np.where(first & ~before, low, 1.0) if validate else np.ones(count)
    volts, loads = excess(np.ones(count))
    reason, element = [""] * count, [""] * count
    for t in np.flatnonzero(share < 1):
        worst = int(loads[t].argmax())
        if volts[t].max() / 0.1 > loads[t].max() / 100:
            reason[t], element[t] = "overvoltage", f"bus {volts[t].argmax()}"
        elif worst == 0:
            reason[t], element[t] = "transformer_overload", "trafo 0"
        else:
            reason[t], element[t] = "line_overload", f"line {worst - 1}"
    return share, reason, element, before


def _trades(options: Options, days: Days, share: Floats, reason: list[str],
            element: list[str]) -> pd.DataFrame:
    rows: list[tuple[int, int, str, str, float, float, str, str, str]] = []
    for t, net in enumerate(days.net if options.trade else []):
        sells, buys = np.clip(-net, 0, None) * INTERVAL_H, np.clip(net, 0, None) * INTERVAL_H
        local = min(sells.sum(), buys.sum())
        number = 0
        for seller, buyer, kwh in (*_matches(sells, buys, local), *_legs(sells, buys, local)):
            solar = days.solar[t, int(seller)] > 0 if seller != "aggregator" else False
            kept = kwh * (share[t] if solar else 1.0)
            verdict = "accepted" if kept == kwh else "rejected" if share[t] < 0.02 else "curtailed"
            why = (reason[t], element[t]) if verdict != "accepted" else ("", "")
            rows.append((t, number, seller, buyer, kwh, kept, verdict, *why))
            number += 1
    columns = ["interval", "trade", "seller", "buyer", "cleared_kwh", "accepted_kwh", "verdict",
               "reason", "element"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"interval": int, "trade": int, "cleared_kwh": float, "accepted_kwh": float}
    )


def _matches(sells: Floats, buys: Floats, local: float) -> list[tuple[str, str, float]]:
    """Overlap sellers and buyers, each scaled to the traded volume."""
    if local <= 0:
        return []
    seller_end = np.cumsum(sells) / sells.sum() * local
    buyer_end = np.cumsum(buys) / buys.sum() * local
    ends = np.unique(np.concatenate([seller_end, buyer_end]))
    starts = np.concatenate([[0.0], ends[:-1]])
    middle, size = (starts + ends) / 2, ends - starts
    keep = size > 1e-6
    who = np.searchsorted(seller_end, middle[keep]), np.searchsorted(buyer_end, middle[keep])
    return [(str(s), str(b), float(kwh)) for s, b, kwh in zip(*who, size[keep], strict=True)]


def _legs(sells: Floats, buys: Floats, local: float) -> list[tuple[str, str, float]]:
    """Return what is left with the aggregator."""
    legs = []
    for n in range(len(sells)):
        left = sells[n] * (1 - local / max(sells.sum(), 1e-12))
        short = buys[n] * (1 - local / max(buys.sum(), 1e-12))
        if left > 1e-6:
            legs.append((str(n), "aggregator", float(left)))
        if short > 1e-6:
            legs.append(("aggregator", str(n), float(short)))
    return legs


def _prices(options: Options) -> dict[str, Floats]:
    count = options.days * PER_DAY
    hour = np.floor((np.arange(count) * INTERVAL_H) % 24)
    noise = np.repeat(np.random.default_rng(options.seed + 1).normal(0, 0.012, count // 4), 4)
    day_ahead = 0.075 + 0.03 * np.cos((hour - 19) / 24 * 4 * np.pi) - 0.04 * (
        np.exp(-((hour - 13) ** 2) / 8)) + noise
    block = np.select([hour < 6, hour < 10, hour < 16, hour < 21], [0.05, 0.08, 0.04, 0.1], 0.07)
    return {"day_ahead": day_ahead, "imbalance": day_ahead + 2 * noise,
            "sell": np.maximum(block - 0.02, FEED_IN), "buy": np.minimum(block + 0.2, RETAIL),
            "local": block + 0.02 + 0.5 * noise}


def _trade_prices(trades: pd.DataFrame, prices: dict[str, Floats]) -> Floats:
    t = trades["interval"].to_numpy()
    kind = np.select([trades["buyer"] == "aggregator", trades["seller"] == "aggregator"], [0, 1], 2)
    energy_only = prices["buy"] - FULL_FEE - FULL_LEVY
    return np.choose(kind, [prices["sell"][t], energy_only[t], prices["local"][t]])


def _prosumer_table(days: Days, curtailed: Floats, net: Floats) -> pd.DataFrame:
    table = _long({
        "load_kw": days.load, "pv_kw": days.solar - curtailed, "battery_kw": days.battery,
        "soc_kwh": days.soc, "vehicle_kw": days.vehicle,
        "vehicle_missing_kwh": days.vehicle_missing, "heat_pump_kw": days.heat_pump,
        "indoor_celsius": days.indoor, "curtailed_kw": curtailed, "net_load_kw": net,
    }, "prosumer")
    table.insert(2, "bus", np.tile(days.bus, len(net)))
    return table


def _wholesale(options: Options, days: Days, net: Floats,
               prices: dict[str, Floats]) -> pd.DataFrame:
    rng = np.random.default_rng(options.seed + 2)
    delivered = -net.sum(axis=1) * INTERVAL_H
    bid = -days.net.sum(axis=1) * INTERVAL_H * rng.uniform(0.85, 1.15, len(net))
    cap = 0.9 * options.transformer_kw * INTERVAL_H
    validated = np.minimum(bid, cap)
    cut = validated < bid
    return pd.DataFrame({
        "interval": np.arange(len(net)), "bid_kwh": bid, "validated_kwh": validated,
        "verdict": np.where(cut, "curtailed", "accepted"),
        "reason": np.where(cut, "transformer_overload", ""),
        "element": np.where(cut, "trafo 0", ""), "delivered_kwh": delivered,
        "imbalance_kwh": delivered - validated, "day_ahead_eur_per_kwh": prices["day_ahead"],
        "imbalance_eur_per_kwh": prices["imbalance"],
    })


def _ledger(trades: pd.DataFrame, wholesale: pd.DataFrame, net: Floats) -> pd.DataFrame:
    local = (trades["seller"] != "aggregator") & (trades["buyer"] != "aggregator")
    bought = trades["buyer"] != "aggregator"
    kwh, parts = trades["accepted_kwh"], []

    def post(rows: pd.DataFrame, payer: object, payee: object, kind: str, eur: object) -> None:
        parts.append(pd.DataFrame({"interval": rows["interval"], "payer": payer, "payee": payee,
                                   "kind": kind, "eur": eur}))

    kinds = local.map({True: "local_energy", False: "aggregator_energy"})
    post(trades, trades["buyer"], trades["seller"], "", kwh * trades["price_eur_per_kwh"])
    parts[0]["kind"] = kinds
    for payee, full, near, kind in (("network_operator", FULL_FEE, LOCAL_FEE, "network_fee"),
                                    ("state", FULL_LEVY, LOCAL_LEVY, "levies")):
        fee = local.map({True: near, False: full}).astype(float)
        post(trades[bought], trades["buyer"][bought], payee, kind, (fee * kwh)[bought])
    for kind, payer, energy, price in (
        ("day_ahead", "wholesale_market", "validated_kwh", "day_ahead_eur_per_kwh"),
        ("imbalance", "balance_operator", "imbalance_kwh", "imbalance_eur_per_kwh"),
    ):
        post(wholesale, payer, "aggregator", kind, wholesale[energy] * wholesale[price])
    loss = 0.02 * np.abs(net.sum(axis=1)) * INTERVAL_H
    post(wholesale, "network_operator", "wholesale_market", "losses",
         loss * wholesale["day_ahead_eur_per_kwh"])
    return pd.concat(parts, ignore_index=True)


def _bills(days: Days, ledger: pd.DataFrame) -> pd.DataFrame:
    size = len(days.bus)
    paid = ledger.groupby("payer")["eur"].sum()
    received = ledger.groupby("payee")["eur"].sum()
    names = [str(n) for n in range(size)]
    bill = paid.reindex(names, fill_value=0.0) - received.reindex(names, fill_value=0.0)
    alone = days.net * INTERVAL_H
    retail = (RETAIL * np.clip(alone, 0, None) + FEED_IN * np.clip(alone, None, 0)).sum(axis=0)
    fleet = days.fleet
    devices = [
        ", ".join(text for text, size_of in (
            (f"solar {fleet.pv_kwp[0, n]:.1f} kWp", fleet.pv_kwp[0, n]),
            (f"battery {fleet.battery_kwh[0, n]:.1f} kWh", fleet.battery_kwh[0, n]),
            ("vehicle", fleet.vehicle_kw[0, n]), ("heat pump", fleet.heat_pump_kw[0, n]),
        ) if size_of > 0)
        for n in range(size)
    ]
    return pd.DataFrame({"prosumer": np.arange(size), "bus": days.bus, "devices": devices,
                         "bill_eur": bill.to_numpy(), "retail_only_bill_eur": retail})


def _long(columns: dict[str, Floats], key: str) -> pd.DataFrame:
    count, width = next(iter(columns.values())).shape
    frame = {"interval": np.repeat(np.arange(count), width), key: np.tile(np.arange(width), count)}
    return pd.DataFrame(frame | {name: values.ravel() for name, values in columns.items()})


def with_settings(data: ReportData, section: str, key: str, value: str) -> ReportData:
    """Return `data` with one setting changed."""
    kept = tuple(row for row in data.settings if row[:2] != (section, key))
    return replace(data, settings=(*kept, (section, key, value)))
