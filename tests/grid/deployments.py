"""Random solar plants on feeders at low load, for tests of what plants do."""

from dataclasses import dataclass

import numpy as np

from cosim.grid.inverter_control import Acted, Allowed, Control, act
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats

SHARE_OF_LOAD = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Deployments:
    """Some scenarios on one feeder; arrays (n, K)."""

    power_flow: PowerFlow
    base_kw: Floats
    base_kvar: Floats
    plant_kw: Floats
    rating_kva: Floats

    def under(self, control: Control, allowed: Allowed | None = None) -> Acted:
        """Return what the plants do under a control."""
        return act(
            self.power_flow,
            self.base_kw,
            self.base_kvar,
            self.plant_kw,
            self.rating_kva,
            control,
            allowed=allowed,
        )

    def only(self, chosen: slice) -> "Deployments":
        """Return some of the scenarios."""
        return Deployments(
            self.power_flow,
            self.base_kw[chosen],
            self.base_kvar[chosen],
            self.plant_kw[chosen],
            self.rating_kva[chosen],
        )


def random_deployments(
    power_flow: PowerFlow, count: int, *, total_kw: float, seed: int, offered: float = 1.0
) -> Deployments:
    """Return plants of 0 to 2 * total_kw in all, spread at random over the buses with load."""
    feeder = power_flow.feeder
    generator = np.random.default_rng(seed)
    loaded = feeder.nominal_load_kw > 0.0
    rating = np.zeros((count, feeder.bus_count))
    spread = generator.dirichlet(np.ones(np.count_nonzero(loaded)), count)
    rating[:, loaded] = spread * total_kw * generator.uniform(0.0, 2.0, (count, 1))
    base = SHARE_OF_LOAD * np.ones((count, 1))
    return Deployments(
        power_flow,
        base * feeder.nominal_load_kw,
        base * feeder.nominal_load_kvar,
        -offered * rating,
        rating,
    )
