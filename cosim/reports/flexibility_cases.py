"""Policies and rules side by side, and all metrics with what they mean."""

import math

import pandas as pd

from cosim.reports.blocks import Column, Figure, Row, Table
from cosim.reports.drawn import Drawn
from cosim.reports.flexibility_data import Case, FlexibilityReportData
from cosim.reports.flexibility_words import ARM_COLOURS, policy_words, rule_words
from cosim.reports.labels import metric_label
from cosim.reports.plotting import Spec, axis, layout, plain, spec
from cosim.reports.wording import number, ratio
from cosim.studies.flexibility.summary import peak_interval, weighted

PANELS = (
    ("feasible_up_kw", "Less drawn,<br>let through, kW", 1),
    ("feasible_down_kw", "More drawn,<br>let through, kW", 1),
    ("accuracy_percent", "Accuracy of<br>activations, %", 1),
    ("rebound_percent", "Rebound,<br>%", 1),
)
ROW_PX, EDGE_PX = 34, 110
COUNTS = (
    *("requests", "requests_accepted", "requests_partly", "requests_refused"),
    *("activation_violations", "outside_band_intervals"),
)
"""Metrics that count something."""


def case_words(data: FlexibilityReportData, case: Case) -> str:
    """Return a case in words, without what all cases share."""
    parts = []
    if len({each.policy for each in data.cases}) > 1:
        parts.append(policy_words(case.policy))
    if len({each.rule for each in data.cases}) > 1:
        parts.append(rule_words(case.rule))
    return ", ".join(parts) or policy_words(case.policy)


def outcomes(data: FlexibilityReportData) -> pd.DataFrame:
    """Return what came of each case: flexibility, activations, money; one row a case."""
    rows = []
    for case in data.cases:
        found = _metrics(data, case)
        requests = data.table("requests", case)
        accepted = requests["accepted_kw"] * requests["duration_h"]
        rows.append(
            {
                "policy": case.policy,
                "rule": case.rule,
                **{
                    name: found.get(name, math.nan)
                    for name in (
                        *("feasible_up_kw", "feasible_down_kw"),
                        *("deliverability_up", "deliverability_down"),
                    )
                },
                "requests": len(requests),
                "refused": int((requests["verdict"] == "refused").sum()),
                "activated_kwh": float(requests["activated_kwh"].sum()),
                "accuracy_percent": _percent(requests["accuracy_declared"], accepted),
                "accuracy_twin_percent": _percent(requests["accuracy_twin"], accepted),
                "rebound_percent": 100.0
                * ratio(
                    float(requests["rebound_kwh"].sum()),
                    float(requests["activated_kwh"].clip(lower=0.0).sum()),
                ),
                "payment_eur": float(requests["payment_eur"].sum()),
                "penalty_eur": float(requests["penalty_eur"].sum()),
                "violations": int(requests["violations"].sum()),
                "outside_band": int(requests["outside_band"].sum()),
            }
        )
    return pd.DataFrame(rows)


def _metrics(data: FlexibilityReportData, case: Case) -> dict[str, float]:
    rows = data.table("metrics", case)
    return {
        str(name): float(value) for name, value in zip(rows["metric"], rows["value"], strict=True)
    }


def _percent(shares: pd.Series, weights: pd.Series) -> float:
    return 100.0 * weighted(shares.to_numpy(float), weights.to_numpy(float))


def cases_figure(data: FlexibilityReportData) -> Drawn:
    """Return panels side by side, one row a case."""
    found = outcomes(data)
    labels = [case_words(data, case) for case in data.cases]
    share = 1.0 / len(PANELS)
    traces: list[Spec] = []
    entries: Spec = {}
    for at, (column, title, decimals) in enumerate(PANELS):
        suffix = "" if at == 0 else str(at + 1)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": plain(found[column].to_numpy(float), decimals + 1),
                "y": labels,
                "xaxis": f"x{suffix}",
                "yaxis": f"y{suffix}",
                "showlegend": False,
                "marker": {
                    "color": [ARM_COLOURS[n % len(ARM_COLOURS)] for n in range(len(labels))],
                    "line": {"color": "#52606D", "width": 0.6},
                },
                "hovertemplate": f"%{{y}}: %{{x:,.{decimals}f}}<extra></extra>",
            }
        )
        entries[f"xaxis{suffix}"] = axis(
            title,
            domain=[round(at * share + (0.0 if at == 0 else 0.02), 4), (at + 1) * share - 0.02],
            anchor=f"y{suffix}",
            rangemode="tozero",
            nticks=4,
        )
        entries[f"yaxis{suffix}"] = axis(
            anchor=f"x{suffix}",
            type="category",
            categoryorder="array",
            categoryarray=labels[::-1],
            range=[-0.6, len(labels) - 0.4],
            showticklabels=at == 0,
        )
    figure = Figure(
        "cases",
        "Policies and rules on the same days",
        spec(
            traces,
            layout(**entries, bargap=0.35, margin={"l": 120, "r": 34, "t": 12, "b": 70}),
        ),
        "The same days, the same requests where they were feasible. Accuracy is against the "
        "declared baseline, by energy accepted; rebound by energy activated.",
        height_px=EDGE_PX + ROW_PX * len(labels),
    )
    return Drawn(figure, found)


def cases_table(data: FlexibilityReportData) -> Table:
    """Return the same and more in numbers."""
    lines = (
        ("feasible_up_kw", "Less drawn for 15 min, let through, mean", "kW", 1),
        ("feasible_down_kw", "More drawn for 15 min, let through, mean", "kW", 1),
        ("deliverability_up", "Deliverability up, for 15 min", "", 3),
        ("deliverability_down", "Deliverability down, for 15 min", "", 3),
        ("requests", "Requests", "", 0),
        ("refused", "of them refused", "", 0),
        ("activated_kwh", "Energy activated", "kWh", 1),
        ("accuracy_percent", "Accuracy of what was accepted, by energy, declared baseline", "%", 1),
        ("accuracy_twin_percent", "Accuracy of what was accepted, by energy, twin", "%", 1),
        ("rebound_percent", "Rebound", "%", 1),
        ("payment_eur", "Paid for what was delivered", "EUR", 2),
        ("penalty_eur", "Paid back for what was not", "EUR", 2),
        ("violations", "Intervals in which an activation breaks a limit", "", 0),
        ("outside_band", "Intervals outside of the network-feasible band", "", 0),
    )
    found = outcomes(data)
    rows = tuple(
        Row(
            (title, unit, *(number(float(value), decimals) for value in found[name])),
            kind="alert" if name in ("violations", "outside_band") and found[name].any() else "",
        )
        for name, title, unit, decimals in lines
    )
    return Table(
        "cases-table",
        "Policies and rules in numbers",
        (
            Column("", numeric=False),
            Column("unit", numeric=False),
            *(Column(case_words(data, case)) for case in data.cases),
        ),
        rows,
        "Figures and tables of single days above are of the first column. Power is what can be "
        "kept up for 15 min. Counted are limits that hold without the activation.",
    )


def _peak_words(data: FlexibilityReportData) -> str:
    """Return a sentence on when the feeder draws most, "" where that is unknown."""
    table = data.table("intervals")
    columns = {str(name): table[name].to_numpy() for name in table}
    at = peak_interval(columns, *data.reference) if len(table) else None
    if at is None:
        return ""
    first = ", the first interval, which holds all that begins there" if at == 0 else ""
    when = data.timeline.local[at]
    return f" The feeder draws most on {when.day} {when:%B} at {when:%H:%M}{first}."


def metrics_table(data: FlexibilityReportData) -> Table:
    """Return every metric of every case with unit and meaning."""
    found = {case: _metrics(data, case) for case in data.cases}
    names = dict.fromkeys(name for each in found.values() for name in each)
    units = dict(
        zip(data.everything("metrics")["metric"], data.everything("metrics")["unit"], strict=True)
    )
    rows = []
    for name in names:
        decimals = 0 if name in COUNTS else metric_label(name).decimals
        unit, meaning = data.facts.meanings.get(name, (str(units.get(name, "")), ""))
        rows.append(
            Row(
                (
                    name,
                    "" if unit == "1" else unit,
                    *(number(each.get(name, math.nan), decimals) for each in found.values()),
                    meaning or metric_label(name).label,
                )
            )
        )
    return Table(
        "flexibility-metrics",
        "Metrics and what they mean",
        (
            Column("metric", numeric=False),
            Column("unit", numeric=False),
            *(Column(case_words(data, case)) for case in data.cases),
            Column("meaning", numeric=False),
        ),
        tuple(rows),
        f"Baseline of all flexibility: {data.facts.baseline}.{_peak_words(data)} A dash "
        "stands for what is unknown or has no whole to be a share of.",
    )
