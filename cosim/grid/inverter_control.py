"""What new plants do, and what the feeder then looks like: the door to all levers.

A plant is solar (available feed-in) or a vehicle or heat pump (power wanted), one a bus. A
`Control` says how it acts: at a power factor, along curves of its own voltage, under a limit to
its feed-in, inside an operating envelope, or several of them together. `act` plays a batch of
scenarios, each on its own: no scenario changes another's result by one bit.
"""

import numpy as np

from cosim.errors import ControlError
from cosim.grid.levers import (
    OBJECTIVES,
    Control,
    constant_power_factor,
    fit_and_forget,
    operating_envelope,
    power_factor_of_power,
    static_export_limit,
    volt_var,
    volt_var_watt,
    volt_watt,
)
from cosim.grid.plant_action import Acted, Offer, act_alone
from cosim.grid.plant_envelopes import Allowed, act_inside_envelopes
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats

__all__ = [
    "OBJECTIVES",
    "Acted",
    "Allowed",
    "Control",
    "act",
    "constant_power_factor",
    "fit_and_forget",
    "operating_envelope",
    "power_factor_of_power",
    "static_export_limit",
    "volt_var",
    "volt_var_watt",
    "volt_watt",
]


def act(  # noqa: PLR0913 (arrays of one deployment)
    power_flow: PowerFlow,
    base_kw: Floats,
    base_kvar: Floats,
    plant_kw: Floats,
    rating_kva: Floats,
    control: Control,
    *,
    allowed: Allowed | None = None,
) -> Acted:
    """Let plants act in n scenarios.

    Args:
        power_flow: the feeder.
        base_kw: (n, K) drawn at each bus without the plants.
        base_kvar: (n, K).
        plant_kw: (n, K) offered: available feed-in < 0, wanted power > 0.
        rating_kva: (n, K) installed, > 0 wherever something is fed in.
        control: what plants do.
        allowed: for envelopes, the criteria: from the state and the state without plants,
            (n,) whether it may be. Without it the feeder's limits, where what is broken already
            may not get worse.

    Raises:
        ControlError: where feed-in has no rating, or a number is not finite.
        ValueError: where a shape is not (n, K).
    """
    offer = Offer(*_checked(power_flow, base_kw, base_kvar, plant_kw, rating_kva))
    if control.envelope is not None:
        return act_inside_envelopes(power_flow, offer, control, allowed)
    return act_alone(power_flow, offer, control)


def _checked(power_flow: PowerFlow, *arrays: Floats) -> tuple[Floats, ...]:
    """Return arrays (n, K), contiguous; raise with everything that is wrong."""
    names = ("base_kw", "base_kvar", "plant_kw", "rating_kva")
    made = tuple(np.ascontiguousarray(one, dtype=np.float64) for one in arrays)
    wanted = (made[0].shape[0] if made[0].ndim else 0, power_flow.feeder.bus_count)
    if any(one.shape != wanted for one in made):
        shapes = ", ".join(f"{name} {one.shape}" for name, one in zip(names, made, strict=True))
        message = f"{shapes} must all be (scenarios, {power_flow.feeder.bus_count} buses)"
        raise ValueError(message)
    found = [
        f"{name}: {np.count_nonzero(~np.isfinite(one))} numbers are not finite"
        for name, one in zip(names, made, strict=True)
        if not np.all(np.isfinite(one))
    ]
    plant_kw, rating_kva = made[2:]
    if np.any(rating_kva < 0.0):
        found.append(f"rating_kva: {rating_kva.min():g} kVA; must be at least 0")
    bare = np.argwhere((plant_kw < 0.0) & ~(rating_kva > 0.0))
    if len(bare):
        scenario, bus = bare[0]
        found.append(
            f"{len(bare)} plants feed in without a rating, the first {-plant_kw[scenario, bus]:g} "
            f"kW at {power_flow.feeder.bus_text(bus)} in scenario {scenario}"
        )
    if found:
        raise ControlError(found)
    return made
