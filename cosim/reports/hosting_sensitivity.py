"""How far the number depends on assumptions: one setting changed at a time."""

import math

import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.hosting_curves import LEGEND_BELOW, level_title
from cosim.reports.hosting_data import HostingReportData
from cosim.reports.hosting_words import LIMITING_WORDS, limiting_of
from cosim.reports.plotting import WITH_COLOUR, WITHOUT_COLOUR, Spec, axis, layout, plain, spec
from cosim.reports.plotting import translucent as lighter
from cosim.reports.wording import number, signed

ROW_PX, EDGE_PX = 27, 110
SETTINGS = {
    "load_share": "loads at {} of published",
    "criteria": "criteria {}",
    "power_factor": "power factor {}",
    "slack_voltage_pu": "supply at {} p.u.",
}
QUANTITIES = (
    ("first_kw", "in all deployments", WITH_COLOUR, "square"),
    ("median_kw", "in half of the deployments", WITHOUT_COLOUR, "circle"),
)


def sensitivity_figure(data: HostingReportData) -> Drawn:
    """Return how least and median capacity move if one assumption changes."""
    rows = data.table("sensitivity").reset_index(drop=True)
    changed = rows[~rows["is_study"].astype(bool)]
    labels = [
        setting_words(what, value)
        for what, value in zip(changed["what"], changed["value"], strict=True)
    ]
    own = _own(data)
    traces = [
        trace
        for column, name, colour, symbol in QUANTITIES
        for trace in _moves(
            float(own[column]), changed[column], labels, {"color": colour, "symbol": symbol}, name
        )
    ]
    shapes = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": round(float(own[column]), 2),
            "x1": round(float(own[column]), 2),
            "y0": 0,
            "y1": 1,
            "line": {"color": colour, "width": 1.2, "dash": "dash"},
        }
        for column, _, colour, _ in QUANTITIES
        if math.isfinite(float(own[column]))
    ]
    shown = layout(
        xaxis=axis(level_title(data), rangemode="tozero", tickformat=",~r"),
        yaxis=axis(
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            range=[-0.6, len(labels) - 0.4],
            dtick=1,
        ),
        shapes=shapes,
        legend={**LEGEND_BELOW, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 150, "r": 34, "t": 40, "b": 56},
    )
    series = " A study of a series is answered by its snapshot." if data.facts.is_series else ""
    figure = Figure(
        "sensitivity",
        "What if an assumption were another?",
        spec(traces, shown),
        "One setting changed at a time, all others as they are, on the first deployments of the "
        f"study. Dashed lines are these deployments as studied.{series}",
        height_px=EDGE_PX + ROW_PX * len(labels),
    )
    return Drawn(figure, rows)


def _own(data: HostingReportData) -> pd.Series:
    """Return the row with the settings of the study; it may hold fewer deployments than that."""
    rows = data.table("sensitivity")
    own = rows[rows["is_study"].astype(bool)]
    return own.iloc[0] if len(own) else data.summary(data.reference)


def _moves(
    base: float, values: pd.Series, labels: list[str], marker: Spec, name: str
) -> tuple[Spec, Spec]:
    """Return lines from the study to each changed value, and marks at their ends."""
    shown = plain(values.to_numpy(float), 2)
    across: list[float | None] = []
    up: list[str | None] = []
    for label, value in zip(labels, shown, strict=True):
        across += [round(base, 2), value, None]
        up += [label, label, None]
    return (
        {
            "type": "scatter",
            "mode": "lines",
            "x": across,
            "y": up,
            "line": {"color": lighter(marker["color"], 0.55), "width": 2.5},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": shown,
            "y": labels,
            "marker": {**marker, "size": 9},
            "hovertemplate": f"%{{y}}: %{{x:,.0f}} kW {name}<extra></extra>",
        },
    )


def sensitivity_table(data: HostingReportData) -> Table:
    """Return the same in numbers."""
    own = _own(data)
    shown = []
    for _, each in data.table("sensitivity").iterrows():
        cells = [setting_words(str(each["what"]), str(each["value"]))]
        for column, *_ in QUANTITIES:
            base, found = float(own[column]), float(each[column])
            change = 100.0 * (found - base) / base if base else math.nan
            cells += [number(found), signed(change) if not each["is_study"] else "study"]
        cells.append(LIMITING_WORDS[limiting_of(each["limiting"])])
        shown.append(Row(tuple(cells)))
    return Table(
        "sensitivity",
        "Sensitivity in numbers",
        (
            Column("setting", numeric=False),
            Column("in all deployments", "kW"),
            Column("change", "%"),
            Column("median", "kW"),
            Column("change", "%"),
            Column("limited mostly by", numeric=False),
        ),
        tuple(shown),
        collapsed=True,
    )


def setting_words(what: str, value: str) -> str:
    """Return a changed setting in words."""
    return SETTINGS.get(what, what.replace("_", " ") + " {}").format(value)
