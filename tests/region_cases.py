"""Feeders, providers and days that tests and benchmarks of operating regions share."""

import dataclasses
import functools

import numpy as np

from cosim.grid.flexibility_controls import Providers
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats, Integers
from networks.catalog import load_feeder
from networks.feeder import Feeder
from tests.brute_force_region import BruteForce

MEDIUM_VOLTAGE_BUSES = tuple(f"Bus {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14))
"""Every bus of the CIGRE medium-voltage feeder that has load, its two substations left out."""

PUBLISHED = 1.0 / 0.75
"""The catalogue scales the loads of that feeder."""


def with_limits(feeder: Feeder, low: float, high: float, *, loading: float = 100.0) -> Feeder:
    """Return a feeder with other limits."""
    return dataclasses.replace(
        feeder,
        voltage_min_pu=np.full(feeder.bus_count, low),
        voltage_max_pu=np.full(feeder.bus_count, high),
        loading_max_percent=np.full(feeder.branch_count, loading),
    )


def boxes(
    bus: Integers,
    least: tuple[float, float],
    most: tuple[float, float],
    *,
    intervals: int = 1,
) -> Providers:
    """Return providers that are all the same box, kW then kvar, with nothing at the base."""
    ones = np.ones((intervals, len(bus)))
    return Providers(
        bus,
        least[0] * ones,
        most[0] * ones,
        0.0 * ones,
        least[1] * ones,
        most[1] * ones,
        0.0 * ones,
    )


@dataclasses.dataclass(frozen=True)
class Case:
    """A feeder, providers, and what else is drawn."""

    power_flow: PowerFlow
    providers: Providers
    fixed_kw: Floats  # (T, K)
    fixed_kvar: Floats  # (T, K)

    def brute_force(self) -> BruteForce:
        """Return the same for the first interval, to be searched the hard way."""
        given = self.providers
        return BruteForce(
            self.power_flow,
            given.bus,
            np.concatenate([given.least_kw[0], given.least_kvar[0]]),
            np.concatenate([given.most_kw[0], given.most_kvar[0]]),
            self.fixed_kw[0],
            self.fixed_kvar[0],
        )


@functools.cache
def medium_voltage() -> Case:
    """Eleven providers, -0.5 to 2 MW fed in and +-0.8 Mvar, loads at 70 %, 0.95 to 1.05 p.u."""
    feeder = with_limits(load_feeder("cigre_mv"), 0.95, 1.05)
    bus = np.array([feeder.bus_name.index(name) for name in MEDIUM_VOLTAGE_BUSES])
    share = 0.7 * PUBLISHED
    return Case(
        PowerFlow(feeder),
        boxes(bus, (-2000.0, -800.0), (500.0, 800.0)),
        share * feeder.nominal_load_kw[None],
        share * feeder.nominal_load_kvar[None],
    )


def low_voltage_day(*, intervals: int = 96, size: float = 2.5) -> Case:
    """A day on the CIGRE low-voltage feeder: load by the hour, sun at noon, devices at all loads.

    At `size` 1 hardly a limit is reached, at 2.5 lines, transformer and voltages are.
    """
    feeder = load_feeder("cigre_lv")
    hour = 24.0 * np.arange(intervals) / intervals
    shape = 0.45 + 0.25 * np.exp(-(((hour - 19.0) / 2.5) ** 2))
    shape += 0.1 * np.exp(-(((hour - 8.0) / 1.5) ** 2))
    sun = np.maximum(0.0, np.sin((hour - 6.0) / 12.0 * np.pi))
    spread = np.random.default_rng(0).uniform(0.8, 1.2, (intervals, feeder.bus_count))
    peak = feeder.nominal_load_kw
    bus = np.flatnonzero(peak > 0.0)
    device = size * peak[bus] * np.ones((intervals, 1))
    nothing = np.zeros_like(device)
    return Case(
        PowerFlow(feeder),
        Providers(bus, -0.8 * device, 0.5 * device, nothing, -0.3 * device, 0.3 * device, nothing),
        peak * (shape[:, None] * spread - 0.5 * sun[:, None]),
        feeder.nominal_load_kvar * shape[:, None],
    )
