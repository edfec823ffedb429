"""What the settings of a hosting-capacity study mean, in sentences for its report."""

import math
import platform
from collections.abc import Iterator, Mapping

from cosim.reports.hosting_data import HostingFacts, HostingReportData
from cosim.reports.hosting_facts import criteria_rows, limits_of
from cosim.reports.hosting_words import PLANT
from cosim.reports.wording import counted, number
from cosim.run_facts import SIMBENCH_NOTICE, git_revision, package_versions
from cosim.studies.hosting.folder import HostingContent
from cosim.studies.hosting.hourly import hourly_days
from cosim.studies.hosting.settings import COINCIDENCE, SIZE_SPREAD, HostingSettings
from cosim.studies.hosting.study_parts import Prepared, built_at
from networks.placement import places_for_prosumers

LAYOUTS = {
    "random": "",
    "uniform": "in equal parts at every bus with load",
    "load_proportional": "in proportion to load",
    "end_of_feeder": "from the far end of the feeder inward",
}
"""How plants come, for people, by rule; nothing where chance decides."""


def report_data(content: HostingContent, levers: Mapping[str, str]) -> HostingReportData:
    """Return a finished study as its report reads it; `levers` say what plants do, by name."""
    facts = facts_of(content, levers)
    return HostingReportData(content.shared.prepared.feeder, content.tables, facts)


def facts_of(content: HostingContent, levers: Mapping[str, str]) -> HostingFacts:
    """Return what the report of a study says beside its tables."""
    prepared = content.shared.prepared
    settings, is_series, sites = prepared.settings, prepared.grid.points.is_series, prepared.sites
    homes = len(sites) if sites.are_homes else 0
    check = content.facts["reference_check"]
    built = built_at(prepared)
    loaded = (prepared.feeder.nominal_load_kw > 0.0) & places_for_prosumers(prepared.feeder)
    return HostingFacts(
        technology=settings.technology,
        preset=prepared.criteria.preset,
        criteria=criteria_rows(prepared.criteria, is_series=is_series),
        limits=limits_of(prepared.criteria, is_series=is_series),
        points=prepared.grid.points.label,
        is_series=is_series,
        seed=settings.seed,
        resolution_kw=settings.search.resolution_kw,
        method=(*_method(prepared), *_market(content)),
        assumptions=tuple(_assumptions(prepared)),
        levers=levers,
        settings=settings.model_dump(mode="json"),
        manifest=_manifest(content),
        layout=LAYOUTS[settings.deployment.rule],
        load_range_kw=(
            float(content.facts["points"]["load_min_kw"]),
            float(content.facts["points"]["load_max_kw"]),
        ),
        homes=homes,
        every_home_kw=float(sites.mean_kw.sum()) if homes else math.nan,
        pandapower_states=int(check["states"]),
        pandapower_unsolved=int(check["unsolved"]),
        pandapower_voltage_pu=float(check["voltage_pu"]),
        site_buses=int(built.sum()),
        load_buses_without=int((loaded & ~built).sum()),
        hourly_looked_at=_hourly(prepared),
        notices=(f"Load, solar and heat-pump profiles: {SIMBENCH_NOTICE}",),
    )


def _hourly(prepared: Prepared) -> str:
    """Say which days and loads the hourly envelope looks at."""
    days = hourly_days(prepared)
    shown = ", ".join(f"{day}" for day in days)
    chosen = "" if prepared.settings.window.days else ", chosen to stand for the year"
    other = "" if prepared.grid.points.is_series else ", not the loads of the snapshot"
    return (
        f"Loads are the profiles of {counted(len(days), 'day')} ({shown}{chosen}){other}; an hour "
        "bears what all its quarter hours do."
    )


def _manifest(content: HostingContent) -> dict[str, object]:
    """Return what tells this study from one with the same settings elsewhere."""
    return {
        "net_sha256": content.shared.prepared.feeder.net_sha256,
        "versions": {"python": platform.python_version(), **package_versions()},
        "git_revision": git_revision(),
        "moments": dict(content.facts["points"]),
        "sites": dict(content.facts["sites"]),
        "reference_check": dict(content.facts["reference_check"]),
    }


def _method(prepared: Prepared) -> Iterator[str]:
    settings, sites = prepared.settings, prepared.sites
    noun = PLANT[settings.technology]
    where = "homes" if sites.are_homes else "sites in proportion to the published load"
    low, high = SIZE_SPREAD[settings.technology]
    spread = (
        f", drawn evenly between {100 * low:g} % and {100 * high:g} % of it" if low < high else ""
    )
    mean = float(sites.mean_kw.mean())
    if settings.deployment.rule == "random":
        yield (
            "Deployments: "
            f"{where} get a {noun} each in random order, {counted(len(sites), 'place')} "
            f"in all, mean size {mean:g} kW{spread}. When every one has a plant a second round "
            "begins, so that capacity is not cut off by their number."
        )
    else:
        yield f"Deployment: plants come {LAYOUTS[settings.deployment.rule]}."
    if settings.deployment.buses is not None:
        yield f"Candidate buses: {', '.join(map(str, settings.deployment.buses))}."
    yield f"Looked at: {prepared.grid.points.label}."
    yield (
        "Levels are nested: more of a deployment never takes a plant away; the plant that a level "
        "cuts through counts in part."
    )
    yield "Rise and drop are against the same moment and load without the new plants."
    yield from _load_and_power_factor(settings)


def _load_and_power_factor(settings: HostingSettings) -> Iterator[str]:
    factor = settings.deployment.power_factor
    verb = {"absorb": "absorbing", "provide": "providing"}[settings.deployment.reactive]
    yield (
        "New plants without control have a power factor of one."
        if factor == 1.0
        else f"New plants without control have a power factor of {factor:g}, {verb} reactive power."
    )
    if len(settings.levers) > 1:
        yield (
            "Levers are compared on the same deployments. One that gives up more than "
            f"{100 * settings.curtailed_share_max:g} % of the new plants' energy counts as stopped "
            "by curtailment."
        )


def _market(content: HostingContent) -> Iterator[str]:
    """Say how levers that play the market were looked at, if there are any."""
    settings, kinds = content.shared.prepared.settings, content.shared.kinds
    if not any(kinds[name].is_market for name in content.facts["levers"]):
        return
    market = settings.market
    batteries = (
        f"{100 * market.battery_share:g} % of new solar homes bring a battery of "
        f"{market.battery_kwh_per_kwp:g} kWh a kWp and {market.battery_kw_per_kwh:g} kW a kWh, in "
        "levers that have any; "
        if settings.technology == "pv"
        else ""
    )
    yield (
        f"Levers that play the market: {batteries}levels are searched to "
        f"{100 * market.resolution_share:g} %, also where nobody acts, which is what their uplift "
        "is against."
    )


def _assumptions(prepared: Prepared) -> Iterator[str]:
    settings = prepared.settings
    if not prepared.grid.points.is_series and settings.technology != "pv":
        together = settings.window.coincidence or COINCIDENCE[settings.technology]
        yield (
            f"New {PLANT[settings.technology]}s draw {number(100 * together)} % of their installed "
            "power at once, however many there are."
        )
    if prepared.grid.points.is_series:
        yield (
            "Household, solar and heat-demand profiles are SimBench's of 2016; homes with the same "
            "profile use copies of it that are shifted in time. Stays of vehicles are drawn."
        )
    generation = float(prepared.feeder.nominal_generation_kw.sum())
    if generation:
        yield f"Generators that the feeder has already: {number(generation)} kW published."
    if settings.window.slack_voltage_pu is not None:
        yield f"The network above holds {settings.window.slack_voltage_pu:g} p.u."
    yield (
        "Positions of transformer taps and switches are those of the published feeder and do not "
        "move."
    )
