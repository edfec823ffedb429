"""How new plants act: the levers that studies of hosting capacity compare."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cosim.errors import ControlError
from cosim.grid import inverter_curves as curves
from cosim.grid.inverter_curves import Curve

OBJECTIVES: Final = ("proportional", "equal", "max_sum")


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
        found = [*self._numbers(), *self._combination()]
        if self.volt_var is not None:
            found += self.volt_var.problems("volt-var", -1.0, 1.0)
        if self.volt_watt is not None:
            found += self.volt_watt.problems("volt-watt", 0.0, 1.0)
        if self.power_factor_curve is not None:
            found += self.power_factor_curve.problems("power factor", 0.1, 1.0)
        if found:
            raise ControlError(f"control {self.name!r}: {problem}" for problem in found)

    def _numbers(self) -> list[str]:
        found = []
        if not 0.0 < self.power_factor <= 1.0:
            found.append(f"power factor {self.power_factor}: must be in (0, 1]")
        if not 1.0 <= self.oversizing < np.inf:
            found.append(f"oversizing {self.oversizing}: must be at least 1")
        if self.export_limit_share is not None and not 0.0 <= self.export_limit_share <= 1.0:
            found.append(f"export limit {self.export_limit_share} of installed: must be in [0, 1]")
        if self.export_limit_kw is not None and not self.export_limit_kw >= 0.0:
            found.append(f"export limit {self.export_limit_kw} kW: must be at least 0")
        return found

    def _combination(self) -> list[str]:
        found = []
        if self.envelope not in (None, *OBJECTIVES):
            known = ", ".join(OBJECTIVES)
            found.append(f"operating envelope {self.envelope!r}: must be one of {known}")
        kvar = (self.power_factor < 1.0, bool(self.power_factor_curve), bool(self.volt_var))
        if sum(kvar) > 1:
            found.append(
                "a power factor below 1, a power factor curve and volt-var: one of them at most"
            )
        if self.envelope == "max_sum" and (self.voltage_dependent or any(kvar)):
            found.append("operating envelope max_sum: only at power factor 1 and without curves")
        return found

    @property
    def voltage_dependent(self) -> bool:
        """Whether plants look at their voltage."""
        return self.volt_var is not None or self.volt_watt is not None


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
