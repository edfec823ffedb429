"""What every part of a study stands on, made from its settings: feeder, homes, moments, limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.errors import ProfileError
from cosim.grid.power_flow import PowerFlow
from cosim.inputs.world import EVERY_ENVIRONMENT, Purpose, stream
from cosim.records import Booleans
from cosim.studies.hosting.bisection import Search
from cosim.studies.hosting.criteria import Criteria
from cosim.studies.hosting.deployments import Sites, draw_deployments, sites_of
from cosim.studies.hosting.judge import Grid
from cosim.studies.hosting.operating_points import operating_points
from cosim.studies.hosting.records import Deployments
from cosim.studies.hosting.settings import HostingSettings
from networks.catalog import load_feeder
from networks.errors import NetworkError
from networks.feeder import Feeder
from networks.homes import DeviceMix
from networks.placement import Placement, place
from networks.simbench_profiles import YearProfiles, year_profiles

START_SHARE = 1.0 / 8.0
"""First level looked at, as a share of the published load."""

HIGHEST_MULTIPLE = 100.0
REACH_MULTIPLE = 4.0
"""Of the published load: length of the deployments first drawn; those that pass get more plants."""

SCALE_WITHOUT_LOAD_KW = 100.0
REFERENCE = "fit_and_forget"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A study made ready; all of it follows from the settings."""

    settings: HostingSettings
    profiles: YearProfiles
    placed: Placement
    sites: Sites
    grid: Grid
    criteria: Criteria

    @property
    def feeder(self) -> Feeder:
        """The feeder."""
        return self.grid.power_flow.feeder

    @property
    def peak_kw(self) -> float:
        """Published peak load of the feeder."""
        return float(self.feeder.nominal_load_kw.sum())

    @property
    def scale_kw(self) -> float:
        """Size of the feeder that levels are taken from."""
        return self.peak_kw if self.peak_kw > 0.0 else SCALE_WITHOUT_LOAD_KW

    def search(self, *, grid_levels: int) -> Search:
        """Return how levels are searched; `grid_levels` where the settings leave it open."""
        asked = self.settings.search
        return Search(
            start_kw=START_SHARE * self.scale_kw,
            highest_kw=asked.highest_kw or HIGHEST_MULTIPLE * self.scale_kw,
            resolution_kw=asked.resolution_kw,
            resolution_share=asked.resolution_share,
            grid_levels=grid_levels if asked.grid_levels is None else asked.grid_levels,
        )


def prepare(settings: HostingSettings) -> Prepared:
    """Make a study ready.

    Raises:
        NetworkError: the feeder is unknown or unusable.
        ProfileError: the profiles cannot be read.
        HostingError: candidate buses that do not exist, or none.
    """
    feeder = load_feeder(settings.feeder)
    if settings.window.slack_voltage_pu is not None:
        feeder = with_slack_voltage(feeder, settings.window.slack_voltage_pu)
    try:
        profiles = year_profiles()
    except NetworkError as error:
        raise ProfileError(error.problems) from error
    placed = placement_of(settings, feeder, profiles)
    sites = sites_of(settings, feeder, placed)
    points = operating_points(settings, feeder, placed, profiles)
    return Prepared(
        settings=settings,
        profiles=profiles,
        placed=placed,
        sites=sites,
        grid=Grid(PowerFlow(feeder), points),
        criteria=settings.criteria.resolved(),
    )


def with_slack_voltage(feeder: Feeder, voltage_pu: float) -> Feeder:
    """Return a feeder whose supply holds another voltage."""
    turned = feeder.slack_voltage_pu / abs(feeder.slack_voltage_pu)
    return replace(feeder, slack_voltage_pu=turned * voltage_pu)


def placement_of(settings: HostingSettings, feeder: Feeder, profiles: YearProfiles) -> Placement:
    """Return the homes of a feeder, without devices: those of a run with the same seed."""
    generator = stream(settings.seed, EVERY_ENVIRONMENT, Purpose.PLACEMENT)
    return place(feeder, profiles, DeviceMix(), generator=generator)


def deployments_of(prepared: Prepared, which: Sequence[int], reach_kw: float) -> Deployments:
    """Return deployments number `which`, long enough for a level."""
    return draw_deployments(
        prepared.settings, prepared.feeder, prepared.sites, which, reach_kw=reach_kw
    )


def built_at(prepared: Prepared) -> Booleans:
    """Return at which buses deployments may build, (K,)."""
    count = prepared.feeder.bus_count
    share = deployments_of(prepared, [0], 1.0).share
    if share is not None:
        return np.asarray(share[0] > 0.0)
    return np.bincount(prepared.sites.bus, minlength=count) > 0
