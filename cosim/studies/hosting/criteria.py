"""What a feeder with new plants is judged by.

Presets are configurable defaults named after common practice, never a claim of compliance. A
usual band must hold in a share of the quarter hours of a week, a wide one always; in a snapshot,
which knows no shares of time, the usual band stands for both. Rise and drop compare with the same
moment without new plants, but in `edisgo_split`, where each part of the feeder is compared with
its own head (`cosim.studies.hosting.heads`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal, Self

from pydantic import Field, model_validator

from cosim.errors import HostingError
from cosim.settings import NotNegative, Positive, Settings

NO_LIMIT = float("inf")
Preset = Literal["en50160", "de_lv", "de_mv", "edisgo_split", "ansi_a", "ansi_b", "epri", "au"]
LimitName = Literal[
    "voltage_min_pu",
    "voltage_max_pu",
    "voltage_lowest_pu",
    "voltage_highest_pu",
    "rise_max_pu",
    "primary_rise_max_pu",
    "drop_max_pu",
    "line_max_percent",
    "transformer_max_percent",
    "reverse_flow_max_kw",
]


@dataclass(frozen=True, slots=True)
class Split:
    """Voltage bands by part of the feeder, each against its own head, p.u."""

    medium_rise_pu: float
    medium_drop_pu: float
    station_rise_pu: float
    station_drop_pu: float
    low_rise_pu: float
    low_drop_pu: float


@dataclass(frozen=True, slots=True)
class Criteria:
    """Limits of a study; infinite (or 0 for the lowest voltages) where there is none."""

    preset: str
    voltage_min_pu: float  # for `share_of_time` of the quarter hours of a week, per bus
    voltage_max_pu: float
    share_of_time: float  # 1: always
    voltage_lowest_pu: float  # always
    voltage_highest_pu: float
    rise_max_pu: float
    primary_rise_max_pu: float  # at buses above 1 kV
    drop_max_pu: float
    line_max_percent: float
    transformer_max_percent: float
    reverse_flow_max_kw: float
    split: Split | None = None

    def only(self, group: str) -> "Criteria":
        """Return these criteria without all limits but those of one of GROUPS."""
        return replace(ABSENT, preset=self.preset, **{
            name: getattr(self, name) for name in GROUPS[group]
        })  # fmt: skip

    def has(self, group: str) -> bool:
        """Tell whether there is any limit in one of GROUPS."""
        return any(getattr(self, name) != getattr(ABSENT, name) for name in GROUPS[group])


ABSENT = Criteria(
    preset="none",
    voltage_min_pu=0.0,
    voltage_max_pu=NO_LIMIT,
    share_of_time=1.0,
    voltage_lowest_pu=0.0,
    voltage_highest_pu=NO_LIMIT,
    rise_max_pu=NO_LIMIT,
    primary_rise_max_pu=NO_LIMIT,
    drop_max_pu=NO_LIMIT,
    line_max_percent=NO_LIMIT,
    transformer_max_percent=NO_LIMIT,
    reverse_flow_max_kw=NO_LIMIT,
)
"""No limit at all; cases without a power flow fail all the same."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "voltage": (
        "voltage_min_pu",
        "voltage_max_pu",
        "share_of_time",
        "voltage_lowest_pu",
        "voltage_highest_pu",
    ),
    "rise": ("rise_max_pu", "primary_rise_max_pu", "drop_max_pu", "split"),
    "line": ("line_max_percent",),
    "transformer": ("transformer_max_percent",),
    "reverse_flow": ("reverse_flow_max_kw",),
}
"""Limits that figures show apart."""


def _plain(name: str, low: float, high: float, rise_pu: float = NO_LIMIT) -> Criteria:
    """Return a band that always holds, and all ratings."""
    return Criteria(
        preset=name,
        voltage_min_pu=low,
        voltage_max_pu=high,
        share_of_time=1.0,
        voltage_lowest_pu=low,
        voltage_highest_pu=high,
        rise_max_pu=rise_pu,
        primary_rise_max_pu=NO_LIMIT,
        drop_max_pu=NO_LIMIT,
        line_max_percent=100.0,
        transformer_max_percent=100.0,
        reverse_flow_max_kw=NO_LIMIT,
    )


PRESETS: Mapping[str, Criteria] = {
    "en50160": replace(_plain("en50160", 0.90, 1.10), share_of_time=0.95, voltage_lowest_pu=0.85),
    "de_lv": _plain("de_lv", 0.90, 1.10, 0.03),
    "de_mv": _plain("de_mv", 0.90, 1.10, 0.02),
    "edisgo_split": replace(
        _plain("edisgo_split", 0.90, 1.10),
        split=Split(0.05, 0.015, 0.015, 0.02, 0.035, 0.065),
    ),
    "ansi_a": _plain("ansi_a", 0.95, 1.05),
    "ansi_b": _plain("ansi_b", 0.917, 1.058),
    "epri": replace(_plain("epri", 0.0, 1.05, 0.05), primary_rise_max_pu=0.03),
    "au": _plain("au", 0.94, 1.10),
}
"""By name. Not among them: unbalance, N-1, fault current, and counts of time points and moving
averages of loading as NREL's disco has them."""


class CriteriaSettings(Settings):
    """A preset, and single limits that replace its own."""

    preset: Preset = "en50160"
    """Defaults named after common practice; no claim of compliance with a standard."""
    voltage_min_pu: Positive | None = Field(None, examples=[0.90])
    """Lowest voltage for the share of time below."""
    voltage_max_pu: Positive | None = Field(None, examples=[1.10])
    """Highest voltage for the share of time below."""
    share_of_time: Positive | None = Field(None, examples=[0.95], le=1.0)
    """Share of a week's quarter hours in which the band above holds at every bus."""
    voltage_lowest_pu: Positive | None = Field(None, examples=[0.85])
    """Lowest voltage at any time; left out: that of the preset, or `voltage_min_pu` where that
    is given and the preset has one band only."""
    voltage_highest_pu: Positive | None = Field(None, examples=[1.10])
    """Highest voltage at any time; likewise."""
    rise_max_pu: Positive | None = Field(None, examples=[0.03])
    """Most that new plants raise the voltage of any bus at any time."""
    primary_rise_max_pu: Positive | None = Field(None, examples=[0.03])
    """Most that new plants raise the voltage of buses above 1 kV at any time."""
    drop_max_pu: Positive | None = Field(None, examples=[0.05])
    """Most that new plants lower it."""
    line_max_percent: Positive | None = Field(None, examples=[100.0])
    """Highest loading of a line."""
    transformer_max_percent: Positive | None = Field(None, examples=[100.0])
    """Highest loading of a transformer."""
    reverse_flow_max_kw: NotNegative | None = Field(None, examples=[250.0])
    """Most power fed into the network above."""
    lifted: tuple[LimitName, ...] = Field((), examples=[["line_max_percent"]])
    """Limits of the preset that do not count."""

    @model_validator(mode="after")
    def limits_agree(self) -> Self:
        """Reject limits that contradict each other."""
        both = [name for name in self.lifted if getattr(self, name) is not None]
        problems = [f"{name} is both lifted and given" for name in both]
        problems += contradictions(self.resolved())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def resolved(self) -> Criteria:
        """Return the limits that hold."""
        base = PRESETS[self.preset]
        given = self.model_dump(exclude={"preset", "lifted"}, exclude_none=True)
        lifted = {name: getattr(ABSENT, name) for name in self.lifted}
        limits = asdict(base) | given | lifted | {"split": base.split}
        if base.share_of_time == 1.0:
            for usual, always in (
                ("voltage_min_pu", "voltage_lowest_pu"),
                ("voltage_max_pu", "voltage_highest_pu"),
            ):
                if usual in given and always not in given and self.share_of_time is None:
                    limits[always] = limits[usual]
        return Criteria(**limits)


def contradictions(criteria: Criteria) -> list[str]:
    """Return one sentence for each pair of limits that cannot both be meant."""
    found = []
    c = criteria
    if not c.voltage_min_pu < c.voltage_max_pu:
        found.append(
            f"voltage_min_pu = {c.voltage_min_pu:g} must be below voltage_max_pu = "
            f"{c.voltage_max_pu:g}"
        )
    if not c.voltage_lowest_pu < c.voltage_highest_pu:
        found.append(
            f"voltage_lowest_pu = {c.voltage_lowest_pu:g} must be below voltage_highest_pu = "
            f"{c.voltage_highest_pu:g}"
        )
    if c.voltage_lowest_pu > c.voltage_min_pu:
        found.append(
            f"voltage_lowest_pu = {c.voltage_lowest_pu:g} holds always and may not lie above "
            f"voltage_min_pu = {c.voltage_min_pu:g}, which holds for a share of time"
        )
    if c.voltage_highest_pu < c.voltage_max_pu:
        found.append(
            f"voltage_highest_pu = {c.voltage_highest_pu:g} holds always and may not lie below "
            f"voltage_max_pu = {c.voltage_max_pu:g}, which holds for a share of time"
        )
    if criteria == replace(ABSENT, preset=c.preset, share_of_time=c.share_of_time):
        found.append("every limit is lifted: at least one must remain")
    return found


def criteria_named(preset: str) -> Criteria:
    """Return a preset by name; raise HostingError where there is none of it."""
    if preset not in PRESETS:
        message = f"unknown criteria {preset!r}; allowed are {', '.join(PRESETS)}"
        raise HostingError(message)
    return PRESETS[preset]
