"""Ways to help a feeder that plants can follow on their own, and what a study needs of each.

A snapshot knows power at one moment, but what a lever costs is energy of a year. So what is cut
of a solar plant at full sun is taken as a ceiling that holds all year, and the energy above it is
read off the measured solar profiles: more than the lever would really give up, since most moments
leave more room.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cosim.grid.inverter_control import (
    Allowed,
    Control,
    act,
    constant_power_factor,
    operating_envelope,
    power_factor_of_power,
    static_export_limit,
    volt_var,
    volt_var_watt,
    volt_watt,
)
from cosim.grid.inverter_curves import VDE_LV_VOLT_VAR
from cosim.grid.power_flow import PowerFlow
from cosim.records import Booleans, Floats
from cosim.results import GridState
from cosim.scenario_community import Community
from cosim.studies.hosting.bisection import bisect
from cosim.studies.hosting.criteria import Criteria
from cosim.studies.hosting.heads import bounds_of
from cosim.studies.hosting.judge import TOLERANCE, Asked, Lever, Play, Played, fit_and_forget
from cosim.studies.hosting.records import TECHNOLOGIES, Capacities, Deployments, Judged
from cosim.studies.hosting.series_search import bisect_series
from cosim.studies.hosting.study_parts import REFERENCE, Prepared
from networks.feeder import Feeder
from networks.simbench_profiles import YearProfiles

GRID_LEVELS = 10
"""Levels looked at before bisection where a lever acts and settings do not say."""

ENVELOPES_PER_CHUNK = 50

Find = Callable[[Prepared, Deployments], Capacities]
Judging = Callable[[Prepared, Deployments], Callable[..., Judged]]


@dataclass(frozen=True, slots=True)
class LeverKind:
    """A way to help, by its name in settings."""

    name: str
    told: str  # for people, what plants do
    find: Find  # capacities of deployments
    judging: Judging  # what judges single levels, for curves
    scenarios_per_task: int = 250  # in a snapshot
    is_market: bool = False
    reference: str = REFERENCE
    """The lever that its uplift is against: nobody acts, looked at in the same way."""
    step: str = ""
    """The lever that has everything this one has but one thing, "" where it is no next step."""
    technologies: tuple[str, ...] = TECHNOLOGIES
    """For which it does something that no other lever does."""


CONTROLS: Mapping[str, Control] = {
    "constant_power_factor": constant_power_factor(0.95),
    "power_factor_of_power": power_factor_of_power(),
    "volt_var": volt_var(),
    "volt_var_vde": volt_var(VDE_LV_VOLT_VAR),
    "volt_watt": volt_watt(),
    "volt_var_watt": volt_var_watt(),
    "export_limit": static_export_limit(share=0.7),
    "operating_envelope": operating_envelope("proportional"),
}
"""By name in settings."""

OF_FEED_IN = frozenset(("power_factor_of_power", "volt_watt", "volt_var_watt", "export_limit"))
"""Act on what is fed in alone."""

TOLD: Mapping[str, str] = {
    REFERENCE: "plants do all they can at the given power factor",
    "constant_power_factor": "plants absorb reactive power at a power factor of 0.95",
    "power_factor_of_power": "power factor falls with the power fed in",
    "volt_var": "reactive power follows voltage, default curve of IEEE 1547 category B",
    "volt_var_vde": "reactive power follows voltage, shape as in VDE-AR-N 4105",
    "volt_watt": "feed-in falls with high voltage",
    "volt_var_watt": "reactive power, then feed-in follow voltage",
    "export_limit": "no plant feeds in more than 70 % of its power",
    "operating_envelope": "every plant gets the same share of the room inside the limits",
}


def electrical_kinds() -> dict[str, LeverKind]:
    """Return all levers that plants follow on their own, fit and forget first."""
    kinds = {REFERENCE: _kind(REFERENCE, None)}
    return kinds | {name: _kind(name, control) for name, control in CONTROLS.items()}


def _kind(name: str, control: Control | None) -> LeverKind:
    has_envelope = control is not None and control.envelope is not None
    return LeverKind(
        name=name,
        told=TOLD[name],
        find=_Find(name, control),
        judging=_Judging(control),
        scenarios_per_task=ENVELOPES_PER_CHUNK if has_envelope else 250,
        technologies=("pv",) if name in OF_FEED_IN else TECHNOLOGIES,
    )


@dataclass(frozen=True, slots=True)
class _Judging:
    control: Control | None

    def __call__(self, prepared: Prepared, deployments: Deployments) -> Lever:
        return lever_of(prepared, deployments, self.control)


@dataclass(frozen=True, slots=True)
class _Find:
    name: str
    control: Control | None

    def __call__(self, prepared: Prepared, deployments: Deployments) -> Capacities:
        lever = lever_of(prepared, deployments, self.control)
        search = prepared.search(grid_levels=0 if self.control is None else GRID_LEVELS)
        if prepared.grid.points.is_series:
            return bisect_series(lever, search, name=self.name, scale_kw=prepared.scale_kw)
        return bisect(lever, deployments, search, lever=self.name)


def lever_of(
    prepared: Prepared,
    deployments: Deployments,
    control: Control | None = None,
    criteria: Criteria | None = None,
) -> Lever:
    """Return what judges deployments whose plants follow a control, or none."""
    chosen = criteria or prepared.criteria
    if control is None:
        return Lever(prepared.grid, chosen, deployments)
    play: Play = fit_and_forget
    is_snapshot = not prepared.grid.points.is_series and deployments.technology == "pv"
    play = Controlled(
        control=control,
        allowed=allowed_by(prepared.feeder, chosen),
        yearly=yearly_share(prepared.profiles) if is_snapshot else None,
    )
    return Lever(prepared.grid, chosen, deployments, play, prepared.settings.curtailed_share_max)


@dataclass(frozen=True, slots=True, eq=False)
class Controlled:
    """Plants that follow a control."""

    control: Control
    allowed: Allowed
    yearly: Floats | None  # share of a year's energy above a ceiling, see `yearly_share`

    def __call__(self, power_flow: PowerFlow, asked: Asked) -> Played:
        """Let plants act; states that their control does not settle in count as none."""
        acted = act(
            power_flow,
            asked.base_kw,
            asked.base_kvar,
            asked.plant_kw,
            asked.installed_kw,
            self.control,
            allowed=self.allowed,
        )
        state = replace(acted.state, converged=acted.state.converged & acted.settled)
        curtailed = acted.curtailed_kw
        if self.yearly is not None:
            curtailed = _of_the_year(asked, curtailed, self.yearly)
        return Played(
            state,
            curtailed.sum(axis=1),
            asked.base_kw + acted.plant_kw,
            asked.base_kvar + acted.plant_kvar,
        )


def yearly_share(profiles: YearProfiles) -> Floats:
    """Return the share of a solar plant's yearly energy above ceilings of 0, 1 % ... 100 %.

    Ceilings are shares of the installed power, the profiles those of the toolkit, mean of all.
    """
    scale = Community().pv_kwh_per_kwp / profiles.solar_kwh_per_kwp
    power = (profiles.solar_pu * scale[:, None]).ravel().astype(np.float64)
    ceilings = np.arange(101) / 100.0
    above = np.array([np.maximum(power - ceiling, 0.0).sum() for ceiling in ceilings])
    return np.asarray(above / power.sum())


def _of_the_year(asked: Asked, curtailed_kw: Floats, yearly: Floats) -> Floats:
    """Return offered power times the share of a year's energy above what was left, (B, K)."""
    offered = np.abs(asked.plant_kw)
    left = (offered - curtailed_kw) / np.maximum(asked.installed_kw, 1e-12)
    share = np.interp(left, np.linspace(0.0, 1.0, len(yearly)), yearly)
    return np.asarray(np.where(curtailed_kw > 0.0, offered * share, 0.0))


def allowed_by(feeder: Feeder, criteria: Criteria) -> Allowed:
    """Return what tells whether criteria accept a state; the usual band counts at every moment."""
    bounds = bounds_of(feeder, criteria, is_series=False)

    def allowed(state: GridState, without: GridState) -> Booleans:
        voltage = state.voltage_pu
        against = np.where(bounds.head >= 0, voltage[:, bounds.head], without.voltage_pu)
        change = voltage - against
        rows = (
            voltage - bounds.voltage_highest_pu,
            bounds.voltage_lowest_pu - voltage,
            change - bounds.rise_pu,
            -change - bounds.drop_pu,
            (state.loading_percent - bounds.loading_percent) / 100.0,
            (-state.slack_kw - bounds.reverse_flow_kw)[:, None],
        )
        inside = state.converged.copy()
        for row in rows:
            inside &= (row <= TOLERANCE).all(axis=1)
        return inside

    return allowed
