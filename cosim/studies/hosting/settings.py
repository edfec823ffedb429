"""Settings of a hosting-capacity study: where, what, how much chance, when, judged by what."""

import datetime
from collections.abc import Mapping
from copy import deepcopy
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from cosim.errors import HostingError
from cosim.setting_errors import error_sentences
from cosim.settings import NotNegative, Positive, Settings, Share
from cosim.studies.hosting.criteria import CriteriaSettings
from cosim.studies.hosting.market_settings import MarketSettings
from networks.simbench_profiles import YEAR

Technology = Literal["pv", "ev", "heat_pump"]
Rule = Literal["random", "uniform", "load_proportional", "end_of_feeder"]
Count = Annotated[int, Field(ge=1, le=100_000)]
PlantSize = Annotated[float, Field(gt=0.0, le=1e5)]

PLANT_KW: Mapping[str, float] = {"pv": 7.0, "ev": 11.0, "heat_pump": 4.0}
"""Mean size of a plant at home: as in the default community."""

SITE_PLANT_KW: Mapping[str, float] = {"pv": 250.0, "ev": 150.0, "heat_pump": 50.0}
"""Mean size of a plant at a site of medium voltage: barn roofs, charging parks, blocks of flats
(assumed)."""

SIZE_SPREAD: Mapping[str, tuple[float, float]] = {
    "pv": (0.6, 1.4),
    "ev": (1.0, 1.0),
    "heat_pump": (1.0, 1.0),
}
"""Single plants are drawn evenly between these multiples of the mean."""

COINCIDENCE: Mapping[str, float] = {"pv": 1.0, "ev": 0.3, "heat_pump": 0.8}
"""Share of their power that new plants have at once in a snapshot.

All roofs see the same sun. Of the toolkit's own stays (8 kWh an evening at 11 kW) the worst quarter
hour of a year shows 0.6 for 10 vehicles, 0.32 for 50, 0.28 for 100, 0.21 for 450: 0.3 stands for a
low-voltage feeder. The measured heat-pump profile, its copies shifted against each other, peaks at
0.81; series use its six-hour mean, as runs do, and so lie lower.
"""

LOAD_SHARE: Mapping[str, float] = {"pv": 0.3, "ev": 1.0, "heat_pump": 1.0}
"""Share of the published loads in a snapshot: low at noon for solar plants, all of it for loads."""


class DeploymentSettings(Settings):
    """Where new plants come, in which order and how large."""

    rule: Rule = "random"
    """`random` draws the order of homes anew for every scenario; `uniform` puts equal power at
    every bus with load, `load_proportional` in proportion to load, `end_of_feeder` fills homes
    from the far end; the last three are one scenario each."""
    plant_kw: PlantSize | None = Field(None, examples=[7.0])
    """Mean size of a plant; left out: 7 (pv), 11 (ev) or 4 (heat_pump) at homes, 250, 150 or 50 at
    sites of medium voltage."""
    buses: tuple[int, ...] | None = Field(None, examples=[[11, 15]])
    """pandapower numbers of the buses where plants may come; left out: wherever there are homes,
    or, on a feeder without homes, load."""
    power_factor: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Of new plants without control."""
    reactive: Literal["absorb", "provide"] = "absorb"
    """What plants with a power factor below one do with reactive power."""


class WindowSettings(Settings):
    """Which moments are looked at."""

    kind: Literal["snapshot", "typical", "year"] = "snapshot"
    """`snapshot`: one moment; `typical`: six days that stand for the year; `year`: every quarter
    hour of it."""
    days: tuple[datetime.date, ...] = Field((), examples=[["2016-06-13"]])
    """These days instead, quarter hour by quarter hour."""
    load_share: Annotated[float, Field(ge=0.0, le=10.0)] | None = Field(None, examples=[0.3])
    """Share of the published loads in a snapshot; left out: 0.3 for pv, 1 for ev and heat_pump."""
    coincidence: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(None, examples=[0.3])
    """Share of the installed power that new plants have in a snapshot; left out: 1 for pv, 0.3
    for ev, 0.8 for heat_pump."""
    existing_generation: Literal["solar", "nominal", "none"] | None = Field(None, examples=["none"])
    """Generators that the feeder already has; left out: `nominal` (published power) in a snapshot
    of pv, `none` in one of ev or heat_pump, `solar` in a series."""
    slack_voltage_pu: Annotated[float, Field(gt=0.5, lt=1.5)] | None = Field(None, examples=[1.02])
    """Voltage that the network above holds; left out: that of the feeder."""

    @model_validator(mode="after")
    def days_in_the_year(self) -> Self:
        """Reject days that no profile covers, and days given twice."""
        outside = [f"{day}" for day in self.days if day.year != YEAR]
        twice = sorted({f"{day}" for day in self.days if self.days.count(day) > 1})
        problems = []
        if outside:
            problems.append(f"days {', '.join(outside)}: the profiles cover {YEAR} only")
        if twice:
            problems.append(f"days {', '.join(twice)}: given more than once")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def is_series(self) -> bool:
        """Whether quarter hours follow each other."""
        return bool(self.days) or self.kind != "snapshot"


class SearchSettings(Settings):
    """How finely the level is searched."""

    resolution_kw: Annotated[float, Field(ge=1e-3, le=1e5)] = 0.1
    """Bisection ends where the failing level is no more than this above the passing one..."""
    resolution_share: Annotated[float, Field(ge=0.0, le=0.1)] = 1e-4
    """... or than this share of it, whichever is larger."""
    grid_levels: Annotated[int, Field(ge=0, le=200)] | None = Field(None, examples=[10])
    """Levels looked at below the first failing one before bisection, so that a lever that fails
    and passes again is found out; left out: 0 without a lever, 10 with one."""
    highest_kw: Positive | None = Field(None, examples=[5000.0])
    """No level above this is looked at; left out: 100 times the published load."""


class HostingSettings(Settings):
    """A hosting-capacity study."""

    feeder: str = "cigre_lv"
    """A name that `cosim feeders` lists, `simbench:CODE`, or a file."""
    technology: Technology = "pv"
    """What is added."""
    scenarios: Count = 1000
    """Number of random deployments."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Every random draw follows from it."""
    levers: tuple[str, ...] = ("fit_and_forget",)
    """Ways to help that are compared on the same deployments."""
    deployment: DeploymentSettings = DeploymentSettings()
    window: WindowSettings = WindowSettings()
    criteria: CriteriaSettings = CriteriaSettings()
    search: SearchSettings = SearchSettings()
    market: MarketSettings = MarketSettings()
    nodal: bool = True
    """Whether every bus alone is looked at, too."""
    optimal: bool = True
    """Whether the best siting is looked for, an upper bound."""
    hourly: bool = True
    """Whether the hourly envelope of generation and load is computed."""
    sensitivity: bool = True
    """Whether load level, criteria, power factor and supply voltage are varied."""
    curve_scenarios: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Scenarios whose extremes are kept level by level."""
    curve_levels: Annotated[int, Field(ge=2, le=200)] = 25
    """Levels of those curves."""
    curtailed_share_max: Share = 0.05
    """Share of the new plants' energy that a lever may give up before the level counts as too
    much."""
    optimal_cap: NotNegative = 0.0
    """Most kW at a bus in the best siting, as a multiple of its published load; 0: no cap."""

    @model_validator(mode="after")
    def levers_given_once(self) -> Self:
        """Reject an empty list of levers and levers given twice."""
        if not self.levers or len(set(self.levers)) < len(self.levers):
            message = f"levers = {list(self.levers)}: name one or more, each once"
            raise ValueError(message)
        return self

    @property
    def mean_plant_kw(self) -> float:
        """Mean size of a plant at a home."""
        return self.deployment.plant_kw or PLANT_KW[self.technology]

    @property
    def mean_site_plant_kw(self) -> float:
        """Mean size of a plant at a site of medium voltage."""
        return self.deployment.plant_kw or SITE_PLANT_KW[self.technology]


def hosting_settings(content: Mapping[str, Any]) -> HostingSettings:
    """Return settings from plain values; raise HostingError with every problem found."""
    try:
        return HostingSettings.model_validate(content)
    except ValidationError as error:
        problems = error_sentences(error, HostingSettings)
        raise HostingError([*problems, *_contradictions(content, error)]) from error


def _contradictions(content: Mapping[str, Any], error: ValidationError) -> list[str]:
    """Return what settings contradict each other in, which is looked at once each is right alone.

    What is wrong is left out for it, and so is a contradiction that names any of that.
    """
    places = [item["loc"] for item in error.errors()]
    rest, left_out = deepcopy(dict(content)), set()
    for section, *keys in places:
        within = rest.get(str(section))
        if keys and keys[0] != "preset" and isinstance(within, dict):  # others rest on a preset
            within.pop(str(keys[0]), None)
        else:
            rest.pop(str(section), None)
        left_out.add(str(keys[0] if keys else section))
    try:
        HostingSettings.model_validate(rest)
    except ValidationError as more:
        return [
            each
            for each, item in zip(
                error_sentences(more, HostingSettings), more.errors(), strict=True
            )
            if item["loc"] not in places and not any(name in each for name in left_out)
        ]
    return []
