"""What new plants do on their own, and what the feeder then looks like.

A plant is solar (available feed-in) or a vehicle or heat pump (power wanted), one a bus. A
`Control` says how it acts: at a power factor, along curves of its own voltage, under a limit to
its feed-in, inside an operating envelope, or several of them together. `act` plays a batch of
scenarios, each on its own: no scenario changes another's result by one bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.errors import ControlError
from cosim.grid import inverter_curves as curves
from cosim.grid.controlled_flow import controlled_voltages
from cosim.grid.controlled_kernel import Plants
from cosim.grid.inverter_curves import Curve
from cosim.grid.inverter_response import Response, respond_all
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats, Integers
from cosim.results import GridState

SETTLED: Final = 1e-6
"""Share of a plant's apparent power by which what it does may differ from what its curves ask."""

OBJECTIVES: Final = ("proportional", "equal", "max_sum")
NO_POINTS: Final = np.zeros(0)

Allowed = Callable[[GridState, GridState], Booleans]
"""(state, state without plants) -> (n,) whether a study's criteria accept the state."""


@dataclass(frozen=True, slots=True)
class Control:
    """How new plants act. The default is fit and forget: all that is offered, no kvar.

    Attributes:
        name: for people.
        power_factor: of every plant, in (0, 1]; it absorbs kvar, feeding in or drawing.
        power_factor_curve: of feed-in, instead: power factor over the share of installed power.
        volt_var: of feed-in, instead: kvar over voltage.
        volt_watt: most feed-in over voltage.
        watt_first: on the circle of the apparent power kvar give way; else kW do.
        oversizing: apparent power of an inverter over the installed power, 1 to 1.2 in practice.
        export_limit_share: most feed-in of a plant as a share of what is installed.
        export_limit_kw: most feed-in of a plant, kW.
        envelope: how the room inside the limits is shared, one of OBJECTIVES; None: no envelopes.
    """

    name: str = "fit and forget"
    power_factor: float = 1.0
    power_factor_curve: Curve | None = None
    volt_var: Curve | None = None
    volt_watt: Curve | None = None
    watt_first: bool = False
    oversizing: float = 1.0
    export_limit_share: float | None = None
    export_limit_kw: float | None = None
    envelope: str | None = None

    def __post_init__(self) -> None:
        """Raise a ControlError that names everything that is wrong."""
        found = []
        if not 0.0 < self.power_factor <= 1.0:
            found.append(f"power factor {self.power_factor}: must be in (0, 1]")
        if not 1.0 <= self.oversizing < np.inf:
            found.append(f"oversizing {self.oversizing}: must be at least 1")
        if self.export_limit_share is not None and not 0.0 <= self.export_limit_share <= 1.0:
            found.append(f"export limit {self.export_limit_share} of installed: must be in [0, 1]")
        if self.export_limit_kw is not None and not self.export_limit_kw >= 0.0:
            found.append(f"export limit {self.export_limit_kw} kW: must be at least 0")
        if self.envelope not in (None, *OBJECTIVES):
            known = ", ".join(OBJECTIVES)
            found.append(f"operating envelope {self.envelope!r}: must be one of {known}")
        asked = [self.power_factor < 1.0, self.power_factor_curve, self.volt_var]
        if sum(bool(one) for one in asked) > 1:
            found.append(
                "a power factor below 1, a power factor curve and volt-var: one of them at most"
            )
        if self.envelope == "max_sum" and (self.voltage_dependent or any(asked)):
            found.append("operating envelope max_sum: only at power factor 1 and without curves")
        if self.volt_var is not None:
            found += self.volt_var.problems("volt-var", -1.0, 1.0)
        if self.volt_watt is not None:
            found += self.volt_watt.problems("volt-watt", 0.0, 1.0)
        if self.power_factor_curve is not None:
            found += self.power_factor_curve.problems("power factor", 0.1, 1.0)
        if found:
            raise ControlError(f"control {self.name!r}: {problem}" for problem in found)

    @property
    def voltage_dependent(self) -> bool:
        """Whether plants look at their voltage."""
        return self.volt_var is not None or self.volt_watt is not None


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """What plants did, n scenarios and K buses."""

    plant_kw: Floats  # (n, K) drawn > 0, fed in < 0
    plant_kvar: Floats  # (n, K) absorbed > 0
    curtailed_kw: Floats  # (n, K) >= 0: offered or wanted, and neither fed in nor drawn
    state: GridState  # of n scenarios
    settled: Booleans  # (n,) the plants do what their control asks at the voltages of `state`
    iterations: Integers  # (n,) Newton steps of voltage control; trials of an envelope; else 1


def fit_and_forget(power_factor: float = 1.0) -> Control:
    """All that is offered, at one power factor."""
    return Control("fit and forget", power_factor=power_factor)


def constant_power_factor(power_factor: float = 0.95, *, oversizing: float = 1.0) -> Control:
    """Absorb kvar in proportion to kW, feeding in or drawing."""
    name = f"power factor {power_factor:g}"
    return Control(name, power_factor=power_factor, oversizing=oversizing)


def power_factor_of_power(curve: Curve = curves.VDE_LV_POWER_FACTOR) -> Control:
    """Absorb kvar the more of the installed power is fed in."""
    return Control(f"cos phi (P) {curve.name}", power_factor_curve=curve)


def volt_var(
    curve: Curve = curves.IEEE_B_VOLT_VAR, *, watt_first: bool = False, oversizing: float = 1.0
) -> Control:
    """Absorb kvar where the voltage is high, feed them in where it is low."""
    name = f"volt-var {curve.name}"
    return Control(name, volt_var=curve, watt_first=watt_first, oversizing=oversizing)


def volt_watt(curve: Curve = curves.IEEE_B_VOLT_WATT) -> Control:
    """Feed in less where the voltage is high."""
    return Control(f"volt-watt {curve.name}", volt_watt=curve)


def volt_var_watt(
    var_curve: Curve = curves.IEEE_B_VOLT_VAR,
    watt_curve: Curve = curves.IEEE_B_VOLT_WATT,
    *,
    watt_first: bool = False,
    oversizing: float = 1.0,
) -> Control:
    """Volt-var and volt-watt together."""
    return Control(
        f"volt-var {var_curve.name} with volt-watt {watt_curve.name}",
        volt_var=var_curve,
        volt_watt=watt_curve,
        watt_first=watt_first,
        oversizing=oversizing,
    )


def static_export_limit(*, share: float | None = 0.7, kw: float | None = None) -> Control:
    """Never feed in more than a share of what is installed, or than so many kW a plant."""
    parts = [] if share is None else [f"{share:.0%} of installed"]
    parts += [] if kw is None else [f"{kw:g} kW a plant"]
    name = f"export limit {', '.join(parts) or 'none'}"
    return Control(name, export_limit_share=share, export_limit_kw=kw)


def operating_envelope(objective: str = "proportional", on: Control | None = None) -> Control:
    """Envelopes for the operating point, on top of what the plants do by themselves (`on`)."""
    base = fit_and_forget() if on is None else on
    return replace(base, name=f"operating envelopes, {objective}, {base.name}", envelope=objective)


def act(
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
    base_kw, base_kvar, plant_kw, rating_kva = _checked(
        power_flow, base_kw, base_kvar, plant_kw, rating_kva
    )
    if control.envelope is not None:
        # Here, not above: envelopes call the controls of this module.
        from cosim.grid.plant_envelopes import act_inside_envelopes  # noqa: PLC0415

        return act_inside_envelopes(
            power_flow, base_kw, base_kvar, plant_kw, rating_kva, control, allowed
        )
    return act_alone(power_flow, base_kw, base_kvar, plant_kw, rating_kva, control)


def act_alone(
    power_flow: PowerFlow,
    base_kw: Floats,
    base_kvar: Floats,
    plant_kw: Floats,
    rating_kva: Floats,
    control: Control,
) -> Acted:
    """Let plants act as `act` does, without envelopes and without looking at the arrays."""
    response = _response(control)
    apparent = rating_kva * control.oversizing
    available = np.minimum(np.maximum(-plant_kw, 0.0), _most_fed_in(control, rating_kva))
    wanted = np.maximum(plant_kw, 0.0)
    wanted_kvar = wanted * np.tan(np.arccos(control.power_factor))

    def powers(voltage_pu: Floats) -> tuple[Floats, Floats]:
        fed, absorbed = np.empty_like(available), np.empty_like(available)
        respond_all(response, voltage_pu, available, rating_kva, apparent, fed, absorbed)
        return wanted - fed, wanted_kvar + absorbed

    count = len(plant_kw)
    found, steps = np.ones(count, np.bool_), np.ones(count, np.int64)
    voltage = np.ones_like(available)
    if control.voltage_dependent:
        base = power_flow.model.base_kw
        plants = Plants(
            bus=np.flatnonzero(np.any(available > 0.0, axis=0)),
            available=available / base,
            installed=rating_kva / base,
            apparent=apparent / base,
        )
        voltage, found, steps = controlled_voltages(
            power_flow, response, plants, base_kw + wanted, base_kvar + wanted_kvar
        )
        voltage[~np.isfinite(voltage)] = 1.0
    acted_kw, acted_kvar = powers(voltage)
    state = power_flow.solve(base_kw + acted_kw, base_kvar + acted_kvar)
    settled = found & state.converged
    if control.voltage_dependent:
        asked_kw, asked_kvar = powers(state.voltage_pu)
        off = np.abs(asked_kw - acted_kw) + np.abs(asked_kvar - acted_kvar)
        settled &= np.all(off <= SETTLED * apparent, axis=1)
    return Acted(
        plant_kw=acted_kw,
        plant_kvar=acted_kvar,
        curtailed_kw=np.maximum(np.abs(plant_kw) - np.abs(acted_kw), 0.0),
        state=state,
        settled=settled,
        iterations=steps,
    )


def _response(control: Control) -> Response:
    """Return the control as arrays."""
    var = (NO_POINTS, NO_POINTS) if control.volt_var is None else control.volt_var.points()
    watt = (NO_POINTS, NO_POINTS) if control.volt_watt is None else control.volt_watt.points()
    factor = np.array([0.0]), np.array([control.power_factor])
    if control.power_factor_curve is not None:
        factor = control.power_factor_curve.points()
    return Response(*var, *watt, *factor, control.watt_first)


def _most_fed_in(control: Control, rating_kva: Floats) -> Floats:
    """Return the most (n, K) a plant feeds in whatever its voltage."""
    share = control.oversizing
    if control.volt_var is None and not control.watt_first:
        share = _share_inside_circle(control)
    if control.export_limit_share is not None:
        share = min(share, control.export_limit_share)
    most = share * rating_kva
    return most if control.export_limit_kw is None else np.minimum(most, control.export_limit_kw)


def _share_inside_circle(control: Control) -> float:
    """Return the most kW over installed kW whose power factor leaves them inside the circle."""
    if control.power_factor_curve is None:
        return control.oversizing * control.power_factor
    at, value = control.power_factor_curve.points()
    low, high = 0.0, control.oversizing
    for _ in range(60):  # kW over power factor rises with kW
        middle = 0.5 * (low + high)
        inside = middle <= control.oversizing * float(np.interp(middle, at, value))
        low, high = (middle, high) if inside else (low, middle)
    return low


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
