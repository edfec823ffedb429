"""A made-up but plausible run, cheap to generate: linear voltages on a small radial feeder.

Flows add up (meters, trades, ledger), so that what a report says of it can be checked.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.reports.report_data import ArmTables, ReportData
from tests.reports.sample_days import INTERVAL_H, PER_DAY, Days, draw_days
from tests.reports.sample_feeder import Floats, LinearGrid, Options, linear_grid, sample_feeder
from tests.reports.sample_market import (
    bill_table,
    draw_prices,
    ledger_table,
    long_table,
    prosumer_table,
    trade_prices,
    trade_table,
    wholesale_table,
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
            ("run", "start", options.start[:10]),
            ("run", "days", str(options.days)),
            ("run", "seed", str(options.seed)),
            ("feeder", "name", feeder.name),
            ("community", "comfort_target_celsius", "21.0"),
            ("community", "comfort_band_kelvin", "1.0"),
            ("forecasts", "load_error", "0.2"),
            ("forecasts", "pv_error", "0.15"),
            ("forecasts", "price_error_eur_per_kwh", "0.005"),
            ("forecasts", "hours_of_memory", "4.0"),
            ("grid", "rule", "optimal"),
            ("market", "mechanism", "uniform"),
            ("wholesale", "imbalance_scheme", "one_price"),
        ),
        manifest={
            "seed": options.seed,
            "day_ahead_label": "synthetic (calm)",
            "imbalance_label": "synthetic (calm)",
            "net_sha256": feeder.net_sha256,
            "versions": {"python": "3.11", "pandapower": "3.5.6"},
            "pandapower_states": 96,
            "pandapower_voltage_pu": 2.1e-10,
            "pandapower_loading_percent": 3.4e-7,
            "seconds": 12.3,
        },
        metrics={
            name: {
                "local_kwh": float(arm.intervals["local_kwh"].sum()),
                "jain_saving": 0.71,
                "gini_saving": 0.34,
                "self_consumption": 0.412,
            }
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
    prices = draw_prices(options)
    scale, reason, element, broken_before = _judge(grid, days, validate)
    trades = trade_table(options, days, scale, reason, element)
    sells = trades[trades["seller"] != "aggregator"]
    refused = np.zeros_like(days.net)
    np.add.at(
        refused,
        (sells["interval"], sells["seller"].astype(int)),
        (sells["cleared_kwh"] - sells["accepted_kwh"]) / INTERVAL_H,
    )
    curtailed = np.minimum(refused, days.solar)
    net = days.net + curtailed
    bus_kw = _at_buses(grid, days, net)
    voltage, loading, slack = grid.solve(bus_kw)
    prosumers = prosumer_table(days, curtailed, net)
    wholesale = wholesale_table(options, days, net, prices)
    trades["price_eur_per_kwh"] = trade_prices(trades, prices)
    ledger = ledger_table(trades, wholesale, net)
    local = (trades["seller"] != "aggregator") & (trades["buyer"] != "aggregator")
    count = len(net)
    local_kwh = np.bincount(
        trades["interval"][local], trades["accepted_kwh"][local], minlength=count
    )
    secure = (voltage <= 1.1 + 1e-9).all(axis=1) & (voltage >= 0.9).all(axis=1)
    intervals = pd.DataFrame(
        {
            "interval": np.arange(count),
            "start_utc": np.datetime64(options.start, "m") + 15 * np.arange(count),
            "local_price_eur_per_kwh": np.where(local_kwh > 0, prices["local"], np.nan),
            "buy_eur_per_kwh": prices["buy"],
            "sell_eur_per_kwh": prices["sell"],
            "slack_kw": slack,
            "loss_kw": 0.02 * np.abs(slack),
            "secure": secure & (loading <= 100 + 1e-9).all(axis=1),
            "preexisting": broken_before,
            "local_kwh": local_kwh,
            "converged": np.ones(count, dtype=bool),
        }
    )
    return ArmTables(
        buses=long_table({"p_kw": bus_kw, "q_kvar": 0.3 * bus_kw, "vm_pu": voltage}, "bus"),
        lines=long_table({"loading_percent": loading[:, 1:]}, "line"),
        trafos=long_table({"loading_percent": loading[:, :1]}, "trafo"),
        trades=trades,
        prosumers=prosumers,
        wholesale=wholesale,
        ledger=ledger,
        intervals=intervals,
        bills=bill_table(days, ledger),
    )


def _at_buses(grid: LinearGrid, days: Days, net: Floats) -> Floats:
    bus_kw = days.passive.copy()
    np.add.at(bus_kw.T, days.bus, net.T)
    return bus_kw


def _judge(
    grid: LinearGrid, days: Days, validate: bool
) -> tuple[Floats, list[str], list[str], NDArray[np.bool_]]:
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


def with_settings(data: ReportData, section: str, key: str, value: str) -> ReportData:
    """Return `data` with one setting changed."""
    kept = tuple(row for row in data.settings if row[:2] != (section, key))
    return replace(data, settings=(*kept, (section, key, value)))
