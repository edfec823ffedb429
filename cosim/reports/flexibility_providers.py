"""Who provides flexibility: classes of devices by hour, and prosumers."""

import numpy as np
import pandas as pd

from cosim.records import Floats
from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_bands import HOURS, SIGN
from cosim.reports.flexibility_data import DOWN, UP, FlexibilityReportData
from cosim.reports.flexibility_words import (
    DEVICE_PATTERNS,
    DIRECTION_WORDS,
    device_colour,
    device_words,
    window_words,
)
from cosim.reports.hosting_curves import LEGEND_BELOW
from cosim.reports.plotting import LIMIT_COLOUR, Spec, axis, layout, plain, spec
from cosim.reports.wording import MISSING, number, percent, ratio, sentence_case
from cosim.studies.flexibility.tables import DIRECTIONS

PROSUMERS_MAX = 40
ROWS_MAX = 400
KWH_TITLE = "Energy, kWh (more drawn: below zero)"


def devices_figure(data: FlexibilityReportData) -> Drawn:
    """Return mean flexibility of each class of devices by hour of the day."""
    hours = data.hours
    window = data.windows[0]
    traces: list[Spec] = []
    frames = []
    for device in data.devices:
        for direction in DIRECTIONS:
            values = data.series("offered_kw", direction, window, device)
            mean = np.array([_mean(values[hours == hour]) for hour in range(HOURS)])
            frames.append(
                pd.DataFrame(
                    {
                        "device": device,
                        "direction": direction,
                        "hour": np.arange(HOURS),
                        "offered_kw": mean,
                    }
                )
            )
            traces.append(
                {
                    "type": "bar",
                    "name": device_words(device),
                    "legendgroup": device,
                    "showlegend": direction == UP,
                    "x": list(range(HOURS)),
                    "y": plain(SIGN[direction] * mean, 2),
                    "customdata": plain(mean, 2),
                    "marker": _marker(device),
                    "hovertemplate": f"%{{x}} h: %{{customdata:,.1f}} kW {device_words(device)}, "
                    f"{DIRECTION_WORDS[direction]}<extra></extra>",
                }
            )
    shown = layout(
        barmode="relative",
        bargap=0.16,
        xaxis=axis("Local hour of the day", dtick=3, range=[-0.6, HOURS - 0.4]),
        yaxis=axis(
            "Change of power, kW (more drawn: below zero)",
            zeroline=True,
            zerolinecolor=LIMIT_COLOUR,
            tickformat=",~r",
        ),
        legend=LEGEND_BELOW,
        margin={"l": 74, "r": 40, "t": 16, "b": 60},
    )
    figure = Figure(
        "devices",
        f"Who provides what: classes of devices by hour, kept up for {window_words(window)}",
        spec(traces, shown),
        "Means over the days of the study, before the network has its say. Solar counts as its own "
        "class: up is feeding in what is given up otherwise, down is giving up.",
        height_px=420,
    )
    numbers = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Drawn(figure, numbers)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _marker(device: str) -> Spec:
    return {
        "color": device_colour(device),
        "line": {"color": "#52606D", "width": 0.6},
        "pattern": {
            "shape": DEVICE_PATTERNS.get(device, ""),
            "fillmode": "overlay",
            "fgcolor": "#FFFFFF",
            "fgopacity": 0.7,
            "size": 6,
        },
    }


def devices_table(data: FlexibilityReportData) -> Table:
    """Return what classes of devices offer in mean, by window, and their share."""
    windows = data.windows
    rows = []
    totals = {
        (way, window): np.nansum([_offered(data, way, window, each) for each in data.devices])
        for way in DIRECTIONS
        for window in windows
    }
    for device in data.devices:
        cells = [sentence_case(device_words(device))]
        for way in DIRECTIONS:
            means = [_offered(data, way, window, device) for window in windows]
            cells += [number(each, 1) for each in means]
            share = ratio(means[0], float(totals[way, windows[0]]))
            cells.append(percent(share) if np.isfinite(share) else MISSING)
        rows.append(Row(tuple(cells)))
    cells = ["All"]
    for way in DIRECTIONS:
        cells += [number(float(totals[way, window]), 1) for window in windows]
        cells.append(percent(1.0) if totals[way, windows[0]] else MISSING)
    rows.append(Row(tuple(cells), kind="total"))
    columns = [Column("device", numeric=False)]
    for way in DIRECTIONS:
        columns += [Column(f"{way}, {window_words(window)}", "kW") for window in windows]
        columns.append(Column(f"share {way}"))
    return Table(
        "devices-table",
        "Classes of devices in numbers",
        tuple(columns),
        tuple(rows),
        "Mean kW over the study, kept up for the window; up is less drawn, down is more drawn. "
        f"Shares are of {window_words(windows[0])}.",
    )


def _offered(data: FlexibilityReportData, direction: str, window: str, device: str) -> float:
    return _mean(data.series("offered_kw", direction, window, device))


def prosumers_figure(data: FlexibilityReportData) -> Drawn:
    """Return energy kept up for an hour by prosumer, stacked by class, the largest first."""
    rows = data.table("prosumers")
    window = data.windows[min(1, len(data.windows) - 1)]
    columns = {way: f"{way}_{window}_kwh" for way in DIRECTIONS}
    total = rows.groupby("prosumer")[list(columns.values())].sum().sum(axis=1)
    total = total[total > 0.0].sort_values(ascending=False, kind="stable")
    largest = [int(str(each)) for each in total.index[:PROSUMERS_MAX]]
    labels = [f"prosumer {each}" for each in largest]
    traces: list[Spec] = []
    for device in dict.fromkeys(rows["device"].astype(str)):
        of_class = rows[rows["device"] == device].set_index("prosumer")
        for way in DIRECTIONS:
            values = of_class[columns[way]].reindex(largest).to_numpy(float)
            if not np.nansum(values) > 0.0:
                continue
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": device_words(device),
                    "legendgroup": device,
                    "showlegend": not any(each["legendgroup"] == device for each in traces),
                    "y": labels,
                    "x": plain(SIGN[way] * np.nan_to_num(values), 2),
                    "customdata": plain(values, 2),
                    "marker": _marker(device),
                    "hovertemplate": f"%{{y}}: %{{customdata:,.1f}} kWh {device_words(device)}, "
                    f"{DIRECTION_WORDS[way]}<extra></extra>",
                }
            )
    left_out = len(total) - len(largest)
    note = (
        f" The {number(len(largest))} with the most are drawn; the CSV holds all "
        f"{number(len(total))}."
        if left_out
        else ""
    )
    shown = layout(
        barmode="relative",
        bargap=0.2,
        xaxis=axis(
            KWH_TITLE, zeroline=True, zerolinecolor=LIMIT_COLOUR, tickformat=",~r", nticks=8
        ),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            dtick=1,
            range=[-0.7, len(labels) - 0.3],
        ),
        margin={"l": 100, "r": 40, "t": 40, "b": 52},
    )
    figure = Figure(
        "prosumers",
        f"Who provides what: prosumers, energy kept up for {window_words(window)}",
        spec(traces, shown),
        f"Summed over the classes of a prosumer, mean over the study.{note}",
        height_px=130 + 19 * max(len(labels), 4),
    )
    return Drawn(figure, rows.reset_index(drop=True))


def prosumers_table(data: FlexibilityReportData) -> Table:
    """Return every prosumer and class with what it could do and what it delivered."""
    table = data.table("prosumers")
    windows = data.windows
    kwh = [(way, window, f"{way}_{window}_kwh") for way in DIRECTIONS for window in windows]
    order = table.assign(all=table[[name for *_, name in kwh]].sum(axis=1))
    order = order.sort_values("all", ascending=False, kind="stable").head(ROWS_MAX)
    rows = tuple(
        Row(
            (
                str(int(each["prosumer"])),
                str(int(each["bus"])),
                device_words(str(each["device"])),
                *(number(float(each[name]), 2) for *_, name in kwh),
                number(float(each["delivered_up_kwh"]), 2),
                number(float(each["delivered_down_kwh"]), 2),
            )
        )
        for _, each in order.iterrows()
    )
    left_out = f" The first {number(ROWS_MAX)} rows." if len(table) > ROWS_MAX else ""
    return Table(
        "prosumers-table",
        "Prosumers in numbers",
        (
            Column("prosumer"),
            Column("bus"),
            Column("device", numeric=False),
            *(Column(f"{way}, {window_words(window)}", "kWh") for way, window, _ in kwh),
            Column(f"delivered {UP}", "kWh"),
            Column(f"delivered {DOWN}", "kWh"),
        ),
        rows,
        f"Mean energy over the window, and what activations delivered.{left_out}",
        collapsed=True,
        scroll=True,
        sortable=True,
    )
