"""What happens on made-up days, whatever the market says of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.records import Fleet
from networks.feeder import Feeder
from tests.reports.sample_feeder import Floats, Options

INTERVAL_H = 0.25
PER_DAY = 96


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
    return Days(
        bus, load, solar, battery, soc, vehicle, missing, heat_pump * 1.0, indoor, passive, fleet
    )


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


def _fleet(
    bus: NDArray[np.int64], pv: Floats, battery: Floats, vehicle: Floats, heat_pump: Floats
) -> Fleet:
    ones = np.ones((1, len(bus)))
    return Fleet(
        bus=bus[None],
        homes=ones,
        pv_kwp=pv[None],
        battery_kwh=battery[None],
        battery_kw=battery[None] / 2,
        battery_charge_efficiency=ones,
        battery_discharge_efficiency=ones,
        battery_start_kwh=0.3 * battery[None],
        vehicle_kw=vehicle[None],
        vehicle_efficiency=0.9 * ones,
        heat_pump_kw=heat_pump[None],
        heat_pump_cop=3 * ones,
        building_kwh_per_kelvin=5 * ones,
        building_time_constant_h=40 * ones,
        comfort_min_celsius=20 * ones,
        comfort_max_celsius=22 * ones,
        comfort_target_celsius=21 * ones,
    )
