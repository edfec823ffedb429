"""Section 8: batteries, vehicles and heat pumps."""

import numpy as np

from cosim.records import Booleans, Floats
from cosim.reports.arm import Arm, highest_of, lowest_of
from cosim.reports.blocks import Block, Figure, Section, Text
from cosim.reports.plotting import (
    LIMIT_COLOUR,
    OLIVE,
    ROSE,
    TEAL,
    Spec,
    axis,
    limit_line,
    plain,
    series,
    spec,
    time_axis,
    time_layout,
    translucent,
)
from cosim.reports.report_data import ReportData
from cosim.reports.timeline import Timeline
from cosim.reports.wording import counted, energy, number, percent, ratio, sentence_case

PRESENT = 1e-6
COMFORT_TOLERANCE_KELVIN = 0.01


def devices_section(data: ReportData, timeline: Timeline, arm: Arm) -> Section:
    """Build section 8."""
    blocks: list[Block] = []
    missing = []
    for words, block in (
        ("battery", _batteries(data, timeline, arm)),
        ("vehicle", _vehicles(timeline, arm)),
        ("heat pump", _heat_pumps(data, timeline, arm)),
    ):
        if block is None:
            missing.append(words)
        else:
            blocks.append(block)
    if missing:
        blocks.append(Text((f"No prosumer has a {' or a '.join(missing)}.",)))
    return Section("devices", "Devices", tuple(blocks))


def _capacity(data: ReportData, soc_kwh: Floats) -> tuple[Floats, str]:
    """Return the capacity of each battery, and what it is called."""
    count = soc_kwh.shape[1]
    if data.fleet is not None and data.fleet.battery_kwh.shape[1] == count:
        return data.fleet.battery_kwh[0], "capacity"
    if count == 0 or not np.isfinite(soc_kwh).any():
        return np.zeros(count), "capacity"
    return highest_of(soc_kwh.T), "the highest charge seen"


def _batteries(data: ReportData, timeline: Timeline, arm: Arm) -> Figure | None:
    soc_kwh = arm.of_prosumers("soc_kwh")
    capacity, reference = _capacity(data, soc_kwh)
    owned = capacity > PRESENT
    if not owned.any():
        return None
    share = 100.0 * soc_kwh[:, owned] / capacity[owned]
    total = 100.0 * np.nansum(soc_kwh[:, owned], axis=1) / capacity[owned].sum()
    low, high = (np.nanpercentile(share, q, axis=1) for q in (10, 90))
    traces = [
        *_band(timeline, "lowest to highest", lowest_of(share), highest_of(share), TEAL, 0.14),
        *_band(timeline, "middle 80 %", low, high, TEAL, 0.32),
        series(
            timeline, "fleet", plain(timeline.mean(total), 2), line={"color": TEAL, "width": 2.2}
        ),
    ]
    swing = f"{number(float(total.min()), 0)} % and {number(float(total.max()), 0)} %"
    charged = arm.interval_h * float(
        np.maximum(np.nan_to_num(arm.of_prosumers("battery_kw")), 0.0).sum()
    )
    cycles = ratio(charged, float(capacity[owned].sum()))
    caption = (
        f"{sentence_case(counted(int(owned.sum()), 'battery').replace('batterys', 'batteries'))} "
        f"({energy(float(capacity[owned].sum()))}) swing between {swing} of {reference} as a "
        f"fleet and take in {energy(charged)}, {number(cycles, 1)} times {reference}."
    )
    return Figure(
        "state-of-charge",
        "State of charge of the batteries",
        spec(traces, time_layout(timeline, f"% of {reference}")),
        caption + timeline.note,
        300,
        timeline=True,
    )


def _vehicles(timeline: Timeline, arm: Arm) -> Figure | None:
    power_kw = arm.of_prosumers("vehicle_kw")
    missing_kwh = arm.of_prosumers("vehicle_missing_kwh")
    owners = _any(power_kw) | _any(missing_kwh)
    if not owners.any():
        return None
    missing, power = np.nansum(missing_kwh, axis=1), np.nansum(power_kw, axis=1)
    waiting = np.nansum(missing_kwh > PRESENT, axis=1)
    traces = [
        series(
            timeline,
            "energy still missing",
            plain(timeline.highest(missing), 2),
            line={"color": OLIVE, "width": 1.8, "shape": "hv"},
            fill="tozeroy",
            fillcolor=translucent(OLIVE, 0.25),
        ),
        series(
            timeline,
            "charging power",
            plain(timeline.highest(power), 2),
            yaxis="y2",
            line={"color": LIMIT_COLOUR, "width": 1.4, "shape": "hv"},
        ),
    ]
    figure_layout = time_layout(
        timeline,
        "",
        xaxis=time_axis(timeline, anchor="y2"),
        yaxis=axis("missing, kWh", domain=[0.54, 1.0], rangemode="tozero"),
        yaxis2=axis("charging, kW", domain=[0.0, 0.46], rangemode="tozero"),
    )
    charged = energy(arm.prosumer_kwh("vehicle_kw"))
    caption = (
        f"Vehicles of {counted(int(owners.sum()), 'prosumer')} draw {charged}; at most "
        f"{number(int(waiting.max()))} wait for energy at a time, {energy(float(missing.max()))} "
        f"together ({timeline.when(int(missing.argmax()))}); charging peaks at "
        f"{number(float(power.max()), 1)} kW ({timeline.when(int(power.argmax()))})."
    )
    return Figure(
        "vehicles",
        "Vehicles: energy still to be charged, and charging power",
        spec(traces, figure_layout),
        caption + timeline.note,
        360,
        timeline=True,
    )


def _heat_pumps(data: ReportData, timeline: Timeline, arm: Arm) -> Figure | None:
    power_kw = arm.of_prosumers("heat_pump_kw")
    owned = _any(power_kw)
    if data.fleet is not None and data.fleet.heat_pump_kw.shape[1] == len(owned):
        owned = data.fleet.heat_pump_kw[0] > PRESENT
    indoor = arm.of_prosumers("indoor_celsius")[:, owned]
    if not owned.any() or not np.isfinite(indoor).any():
        return None
    low, high = lowest_of(indoor), highest_of(indoor)
    comfort = _comfort(data, owned)
    median = np.nanmedian(np.where(np.isfinite(indoor), indoor, np.nanmean(indoor)), axis=1)
    traces = [
        *_band(timeline, "coldest to warmest home", low, high, ROSE, 0.25),
        series(
            timeline,
            "median home",
            plain(timeline.mean(median), 3),
            line={"color": ROSE, "width": 2.0},
        ),
    ]
    text = "no comfort band is known"
    if comfort is not None:
        points = len(timeline.lowest(low))
        traces += [
            limit_line(timeline, points, value, name="comfort band", showlegend=value == comfort[0])
            for value in comfort
        ]
        outside = int(
            (
                (low < comfort[0] - COMFORT_TOLERANCE_KELVIN)
                | (high > comfort[1] + COMFORT_TOLERANCE_KELVIN)
            ).sum()
        )
        share = f" ({percent(ratio(outside, len(low)))})" if outside else ""
        text = (
            f"the comfort band of {comfort[0]:g} to {comfort[1]:g} \u00b0C is left in "
            f"{counted(outside, 'interval')}{share}"
        )
    caption = (
        f"Homes with a heat pump ({number(int(owned.sum()))}) stay between "
        f"{number(float(np.nanmin(low)), 2)} and {number(float(np.nanmax(high)), 2)} \u00b0C; "
        f"{text}. Heat pumps draw {energy(arm.prosumer_kwh('heat_pump_kw'))}."
    )
    return Figure(
        "indoor-temperature",
        "Indoor temperature of homes with a heat pump",
        spec(traces, time_layout(timeline, "\u00b0C")),
        caption + timeline.note,
        290,
        timeline=True,
    )


def _comfort(data: ReportData, owned: Booleans) -> tuple[float, float] | None:
    """Return the widest comfort band of the homes, None where none is known."""
    if data.fleet is not None and data.fleet.comfort_min_celsius.shape[1] == len(owned):
        return (
            float(data.fleet.comfort_min_celsius[0, owned].min()),
            float(data.fleet.comfort_max_celsius[0, owned].max()),
        )
    target = data.setting("community", "comfort_target_celsius")
    band = data.setting("community", "comfort_band_kelvin")
    if not target or not band:
        return None
    return float(target) - float(band), float(target) + float(band)


def _any(values: Floats) -> Booleans:
    return np.asarray((np.abs(np.nan_to_num(values)) > PRESENT).any(axis=0))


def _band(
    timeline: Timeline, name: str, low: Floats, high: Floats, colour: str, opacity: float
) -> list[Spec]:
    edge = {"width": 0, "color": colour}
    return [
        series(
            timeline,
            name,
            plain(timeline.lowest(low), 3),
            line=edge,
            showlegend=False,
            hoverinfo="skip",
        ),
        series(
            timeline,
            name,
            plain(timeline.highest(high), 3),
            line=edge,
            fill="tonexty",
            fillcolor=translucent(colour, opacity),
        ),
    ]
