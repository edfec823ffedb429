"""Section 6: where energy and money go."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cosim.reports.arm import Arm
from cosim.reports.blocks import Figure, Section
from cosim.reports.energy import EnergyUse, energy_use_of
from cosim.reports.money import account_table, kind_table, money_figure, money_flows
from cosim.reports.plotting import (
    AGGREGATOR_COLOUR,
    BATTERY_COLOUR,
    CURTAILED_COLOUR,
    LOCAL_COLOUR,
    RETAILER_COLOUR,
    ROSE,
    SOLAR_COLOUR,
    WINE,
    Spec,
    axis,
    layout,
    plain,
    spec,
    translucent,
)
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import energy, listed, number, percent, ratio

CENT = 0.005


class Part(NamedTuple):
    """A piece of a bar."""

    name: str
    colour: str
    solar_kwh: float
    use_kwh: float


def flows_section(data: ReportData, timeline: Timeline, judged: Arm, free: Arm | None) -> Section:
    """Build section 6."""
    arms = [arm for arm in (free, judged) if arm is not None]
    flows = money_flows(judged)
    return Section(
        "flows",
        "Energy and money flows",
        (
            _energy(arms),
            _average_day(timeline, judged),
            money_figure(data, flows),
            account_table(data, flows),
            kind_table(data, flows),
        ),
    )


def _parts(use: EnergyUse) -> tuple[Part, ...]:
    return (
        Part("own solar, used at once", SOLAR_COLOUR, use.solar_at_once_kwh, use.solar_at_once_kwh),
        Part("own battery", BATTERY_COLOUR, use.solar_stored_kwh, use.use_battery_kwh),
        Part("neighbours (local trades)", LOCAL_COLOUR, use.solar_local_kwh, use.use_local_kwh),
        Part("aggregator", AGGREGATOR_COLOUR, use.solar_aggregator_kwh, use.use_aggregator_kwh),
        Part("retailer, untraded", RETAILER_COLOUR, use.solar_other_kwh, use.use_retailer_kwh),
        Part("curtailed", CURTAILED_COLOUR, use.solar_curtailed_kwh, 0.0),
    )


def _energy(arms: list[Arm]) -> Figure:
    uses = [energy_use_of(arm) for arm in arms]
    rows = [*(f"Use, {arm.label}" for arm in arms), *(f"Solar, {arm.label}" for arm in arms)]
    traces: list[Spec] = []
    for position, part in enumerate(_parts(uses[0])):
        parts = [_parts(use)[position] for use in uses]
        values = [*(p.use_kwh for p in parts), *(p.solar_kwh for p in parts)]
        totals = [*(use.use_kwh for use in uses), *(use.solar_kwh for use in uses)]
        if max(values) < CENT:
            continue
        shares = [ratio(value, total) for value, total in zip(values, totals, strict=True)]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": part.name,
                "y": rows,
                "x": plain(values, 2),
                "marker": {"color": part.colour},
                "text": [percent(share) if share >= 0.04 else "" for share in shares],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "hovertemplate": "%{x:,.1f} kWh<extra>" + part.name + "</extra>",
            }
        )
    figure_layout = layout(
        barmode="stack",
        bargap=0.3,
        uniformtext={"minsize": 10, "mode": "hide"},
        xaxis=axis("kWh over the run"),
        yaxis=axis(),
    )
    return Figure(
        name="energy-flows",
        title="Where solar energy goes, and where used energy comes from",
        spec=spec(traces, figure_layout),
        caption=_energy_caption(uses[-1]),
        height_px=140 + 46 * len(rows),
    )


def _energy_caption(use: EnergyUse) -> str:
    if use.solar_kwh < CENT:
        return f"Prosumers have no solar energy; they use {energy(use.use_kwh)}."
    whole = use.solar_kwh
    pieces = [
        f"{percent(ratio(value, whole))} {words}"
        for value, words in (
            (use.solar_at_once_kwh, "is used at once"),
            (use.solar_stored_kwh, "stored"),
            (use.solar_local_kwh, "sold to neighbours"),
            (use.solar_aggregator_kwh, "sold to the aggregator"),
            (use.solar_curtailed_kwh, "curtailed"),
        )
        if value > CENT
    ]
    own = ratio(use.solar_at_once_kwh + use.use_battery_kwh, use.use_kwh)
    near = ratio(use.use_local_kwh, use.use_kwh)
    return (
        f"Of {energy(whole)} of solar energy {listed(pieces)}; of {energy(use.use_kwh)} used "
        f"(devices, and batteries charged from the grid) {percent(own)} is the prosumers' own and "
        f"{percent(near)} comes from neighbours."
    )


def _average_day(timeline: Timeline, arm: Arm) -> Figure:
    local = timeline.local
    minute = (local.hour * 60 + local.minute).to_numpy()
    drawn = (
        ("firm load", "load_kw", "#8C96A0", 1.0),
        ("vehicles", "vehicle_kw", WINE, 1.0),
        ("heat pumps", "heat_pump_kw", ROSE, 1.0),
    )
    slots = np.unique(minute)
    traces: list[Spec] = []

    def mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> "pd.Series[float]":
        return pd.Series(values).groupby(minute).mean().reindex(slots)

    def add(name: str, values: "pd.Series[float]", colour: str, stack: str) -> None:
        if float(values.abs().max()) > CENT:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": plain(slots / 60, 3),
                    "y": plain(values.to_numpy(), 3),
                    "stackgroup": stack,
                    "line": {"width": 0.5, "color": colour},
                    "fillcolor": translucent(colour, 0.75),
                }
            )

    def total(column: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(np.nansum(arm.of_prosumers(column), axis=1))

    for name, column, colour, sign in drawn:
        add(name, sign * mean(total(column)), colour, "drawn")
    battery = np.nan_to_num(arm.of_prosumers("battery_kw"))
    add("charging", mean(np.maximum(battery, 0).sum(axis=1)), BATTERY_COLOUR, "drawn")
    add("solar", -mean(total("pv_kw")), SOLAR_COLOUR, "fed")
    add("discharging", -mean(np.maximum(-battery, 0).sum(axis=1)), "#5A9FC4", "fed")
    add("curtailed", -mean(total("curtailed_kw")), CURTAILED_COLOUR, "fed")
    net = mean(total("net_load_kw"))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "net at the meters",
            "x": plain(slots / 60, 3),
            "y": plain(net.to_numpy(), 3),
            "line": {"color": "#1F2933", "width": 2},
        }
    )
    figure_layout = layout(
        xaxis=axis("local hour of day", range=[0, 24], dtick=3),
        hovermode="x unified",
        yaxis=axis("mean power of all prosumers, kW", zeroline=True, zerolinecolor="#8C96A0"),
    )
    return Figure(
        "average-day",
        "The average day of all prosumers",
        spec(traces, figure_layout),
        _average_caption(net),
        350,
    )


def _average_caption(net: "pd.Series[float]") -> str:
    low, high = float(net.min()), float(net.max())
    minutes = net.index.to_numpy(dtype=float)
    lowest, highest = (float(minutes[at]) for at in (net.argmin(), net.argmax()))

    def clock(minute: float) -> str:
        return f"{int(minute) // 60:02d}:{int(minute) % 60:02d}"

    fed = "feed in most" if low < 0 else "draw least"
    return (
        f"On average prosumers {fed} at {clock(lowest)} ({number(abs(low), 1)} kW) "
        f"and draw most at {clock(highest)} ({number(high, 1)} kW). Drawn is above "
        "zero, fed in below."
    )
