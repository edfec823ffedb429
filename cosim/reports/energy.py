"""Where the prosumers' energy comes from and goes to, split within every interval."""

from dataclasses import dataclass

import numpy as np

from cosim.records import Booleans, Floats, Integers
from cosim.reports.arm import Arm
from cosim.reports.labels import AGGREGATOR


@dataclass(frozen=True, slots=True, eq=False)
class EnergyUse:
    """Energy of all prosumers over the run, kWh.

    Solar: available = at once + stored + sold locally + to the aggregator + other + curtailed.
    Use (devices and charging from the grid) = own solar at once + own battery + bought locally +
    from the aggregator + from the retailer.
    """

    solar_at_once_kwh: float
    solar_stored_kwh: float
    solar_local_kwh: float
    solar_aggregator_kwh: float
    solar_other_kwh: float  # fed in without a trade
    solar_curtailed_kwh: float
    use_battery_kwh: float
    use_local_kwh: float
    use_aggregator_kwh: float
    use_retailer_kwh: float

    @property
    def solar_kwh(self) -> float:
        """Solar energy that was available."""
        return (
            self.solar_at_once_kwh
            + self.solar_stored_kwh
            + self.solar_local_kwh
            + self.solar_aggregator_kwh
            + self.solar_other_kwh
            + self.solar_curtailed_kwh
        )

    @property
    def use_kwh(self) -> float:
        """Energy used by devices, and stored from the grid."""
        return (
            self.solar_at_once_kwh
            + self.use_battery_kwh
            + self.use_local_kwh
            + self.use_aggregator_kwh
            + self.use_retailer_kwh
        )


def energy_use_of(arm: Arm) -> EnergyUse:
    """Split solar energy by use, and use by source.

    Within an interval a prosumer's solar power first serves its own devices, then its battery;
    what is left is sold, in proportion to what it sold locally and to the aggregator.
    """
    hours = arm.interval_h
    demand = hours * sum(
        np.nan_to_num(arm.of_prosumers(column))
        for column in ("load_kw", "vehicle_kw", "heat_pump_kw")
    )
    solar = hours * np.nan_to_num(arm.of_prosumers("pv_kw"))
    battery = hours * np.nan_to_num(arm.of_prosumers("battery_kw"))
    net = hours * np.nan_to_num(arm.of_prosumers("net_load_kw"))
    at_once = np.minimum(solar, demand)
    stored = np.minimum(solar - at_once, np.maximum(battery, 0.0))
    left = solar - at_once - stored
    local, aggregator = _share_of_sales(arm)
    own_battery = np.minimum(demand - at_once, np.maximum(-battery, 0.0))
    drawn = np.maximum(net, 0.0)
    bought_local, bought_aggregator = _bought(arm)
    return EnergyUse(
        solar_at_once_kwh=float(at_once.sum()),
        solar_stored_kwh=float(stored.sum()),
        solar_local_kwh=float((left * local).sum()),
        solar_aggregator_kwh=float((left * aggregator).sum()),
        solar_other_kwh=float((left * (1.0 - local - aggregator)).sum()),
        solar_curtailed_kwh=arm.prosumer_kwh("curtailed_kw"),
        use_battery_kwh=float(own_battery.sum()),
        use_local_kwh=float(np.minimum(bought_local, drawn).sum()),
        use_aggregator_kwh=float(
            np.clip(drawn - bought_local, 0.0, np.maximum(bought_aggregator, 0.0)).sum()
        ),
        use_retailer_kwh=float(np.maximum(drawn - bought_local - bought_aggregator, 0.0).sum()),
    )


def _share_of_sales(arm: Arm) -> tuple[Floats, Floats]:
    trades = arm.tables.trades
    to_aggregator = (trades["buyer"] == AGGREGATOR).to_numpy(dtype=bool)
    local = _accepted(arm, "seller", ~to_aggregator)
    aggregator = _accepted(arm, "seller", to_aggregator)
    total = local + aggregator
    sold = total > 0.0
    zeros = np.zeros_like(total)
    return (
        np.divide(local, total, out=zeros.copy(), where=sold),
        np.divide(aggregator, total, out=zeros.copy(), where=sold),
    )


def _bought(arm: Arm) -> tuple[Floats, Floats]:
    from_aggregator = (arm.tables.trades["seller"] == AGGREGATOR).to_numpy(dtype=bool)
    return _accepted(arm, "buyer", ~from_aggregator), _accepted(arm, "buyer", from_aggregator)


def _accepted(arm: Arm, side: str, chosen: Booleans) -> Floats:
    """Return the accepted energy of prosumers at one side of the chosen trades, (T, N)."""
    trades = arm.tables.trades
    chosen = chosen & (trades[side] != AGGREGATOR).to_numpy(dtype=bool)
    result = np.zeros((len(arm.preexisting), len(arm.prosumers)))
    number: Integers = trades[side].to_numpy()[chosen].astype(np.int64)
    interval = trades["interval"].to_numpy(dtype=np.int64)[chosen]
    position = np.searchsorted(arm.prosumers, number)
    np.add.at(result, (interval, position), trades["accepted_kwh"].to_numpy(dtype=float)[chosen])
    return result
