"""Tables of a made-up hosting-capacity study that only its report reads."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.studies.hosting.tables import TABLES, table
from networks.feeder import Feeder

Floats = NDArray[np.float64]


def running_table(hosting: dict[str, Floats]) -> pd.DataFrame:
    each = hosting["fit_and_forget"]
    parts = []
    for share in (0.0, 0.05, 0.5):
        counts = np.unique(np.geomspace(5, len(each), 12).astype(int))
        values = np.array([np.quantile(each[:count], share) for count in counts])
        width = 60.0 / np.sqrt(counts)
        parts.append(
            table(
                "running",
                {
                    "lever": "fit_and_forget",
                    "quantile": share,
                    "scenarios": counts,
                    "value_kw": values,
                    "low_kw": values - width,
                    "high_kw": values + (width if share else 0.0),
                },
            )
        )
    return pd.concat(parts, ignore_index=True)


def steps_table(hosting: dict[str, Floats]) -> pd.DataFrame:
    """Return the market as a step from Volt-VAr, where both are studied."""
    reference = hosting["fit_and_forget"]
    pairs = [("volt_var_vde", "fit_and_forget"), ("p2p_water_value", "volt_var_vde")]
    pairs = [pair for pair in pairs if set(pair) <= set(hosting) and reference.all()]
    gained = [
        float((100.0 * (hosting[lever] - hosting[below]) / reference).mean())
        for lever, below in pairs
    ]
    return table(
        "steps",
        {
            "lever": [lever for lever, _ in pairs],
            "below": [below for _, below in pairs],
            "reference": ["fit_and_forget"] * len(pairs),
            "median_kw": [float(np.median(hosting[lever])) for lever, _ in pairs],
            "gained_percent": gained,
            "gained_low": [each - 1.5 for each in gained],
            "gained_high": [each + 2.0 for each in gained],
        },
    )


def optimal_table(feeder: Feeder) -> pd.DataFrame:
    kw = np.where(np.arange(feeder.bus_count) % 3 == 0, 25.0, 0.0)
    return table(
        "optimal",
        {
            "bus": feeder.bus_index,
            "name": list(feeder.bus_name),
            "kw": kw,
            "total_kw": float(kw.sum()),
        },
    )


def hours_table() -> pd.DataFrame:
    hour = np.arange(24)
    return table(
        "hours",
        {
            "hour": hour,
            "generation_kw": 140.0 + 30.0 * np.sin(hour / 24 * 2 * np.pi),
            "generation_limiting": "overvoltage",
            "load_kw": 60.0 - 20.0 * np.cos((hour - 5) / 24 * 2 * np.pi),
            "load_limiting": "undervoltage",
        },
    )


def durations_table() -> pd.DataFrame:
    share = np.linspace(0.0, 1.0, 97)
    parts = []
    for quantity, high, low in (
        ("voltage_max_pu", 1.095, 0.99),
        ("voltage_min_pu", 1.0, 0.93),
        ("line_percent", 96.0, 3.0),
        ("transformer_percent", 80.0, 5.0),
        ("import_kw", 60.0, -75.0),
    ):
        for state, stretch in (("base", 0.4), ("hosting", 1.0)):
            values = low + (high - low) * stretch * (1.0 - share) ** 2
            parts.append(
                table(
                    "durations",
                    {
                        "state": state,
                        "quantity": quantity,
                        "share_of_time": share,
                        "value": values,
                    },
                )
            )
    return pd.concat(parts, ignore_index=True)


def sensitivity_table(hosting: dict[str, Floats]) -> pd.DataFrame:
    each = hosting["fit_and_forget"]
    rows = []
    for what, value, factor in (
        ("load_share", "0.1", 0.9),
        ("load_share", "0.3", 1.0),
        ("load_share", "0.6", 1.12),
        ("criteria", "de_lv", 0.4),
        ("criteria", "ansi_a", 0.6),
        ("power_factor", "0.95", 1.25),
        ("slack_voltage_pu", "1.02", 0.75),
    ):
        columns = dict.fromkeys(TABLES["sensitivity"], 0.0) | {
            "what": what,
            "value": value,
            "is_study": factor == 1.0,
            "first_kw": factor * float(each.min()),
            "median_kw": factor * float(np.median(each)),
            "limiting": "overvoltage",
        }
        rows.append(table("sensitivity", columns))
    return pd.concat(rows, ignore_index=True)
