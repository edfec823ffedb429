"""What `cosim validate` shows: verdicts, what was cut first, and a summary by interval."""

import math

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cosim.validate import Answer
from networks.reference import ReferenceCheck

WIDTH_OF_FILES = 160
"""Columns to print where the output is no terminal."""

ROWS_SHOWN = 30
COLOURS = {"curtailed": "yellow", "rejected": "bold red"}
TRADE_COLUMNS = (
    *("trade", "interval", "seller_bus", "buyer_bus", "asked_kw", "accepted_kw", "verdict"),
    *("reason", "element", "shadow_eur_per_kwh", "shadow_kwh_per_kwh"),
    *("usage_charge_eur_per_h", "usage_charge_kwh_per_h"),
)
SUMMARY_COLUMNS = {
    "trades": (
        *("interval", "trades", "accepted", "curtailed", "rejected", "asked_kw", "accepted_kw"),
        *("value_asked_eur_per_h", "value_kept_eur_per_h", "value_asked_kwh_per_h"),
        *("value_kept_kwh_per_h", "jain_accepted", "gini_accepted"),
    ),
    "bid": (
        *("interval", "schedule_asked_kw", "schedule_feasible_kw", "up_asked_kw"),
        *("up_feasible_kw", "down_asked_kw", "down_feasible_kw"),
    ),
}


def print_answer(answer: Answer, check: ReferenceCheck | None) -> None:
    """Print verdicts and summary; the files have every row and column."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    cut = answer.verdicts["verdict"] != "accepted"
    ordered = pd.concat([answer.verdicts[cut], answer.verdicts[~cut]])
    names = TRADE_COLUMNS if answer.kind == "trades" else tuple(ordered.columns)
    console.print(_table("Verdicts, what was cut first", ordered, names))
    summary = answer.summary
    worst = summary.assign(bad=~summary["secure_asked"]).sort_values(
        "bad", ascending=False, kind="stable"
    )
    console.print(_table("Intervals", worst, SUMMARY_COLUMNS[answer.kind]))
    for line in _limits(answer):
        console.print(line, highlight=False, soft_wrap=True)
    for note in answer.notes:
        console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)
    console.print(_verdict_line(answer), highlight=False, soft_wrap=True)
    if check is not None:
        console.print(
            f"solved again with pandapower, {check.states} of the states, largest differences: "
            f"{check.voltage_pu:.1e} p.u., "
            f"{check.loading_percentage_points:.1e} percentage points",
            highlight=False,
            soft_wrap=True,
        )


def _table(title: str, frame: pd.DataFrame, names: tuple[str, ...]) -> Table:
    """Return the first rows of some columns."""
    chosen = [name for name in names if name in frame.columns]
    total = len(frame)
    more = f"; {ROWS_SHOWN} of {total} rows" if total > ROWS_SHOWN else ""
    table = Table(title=f"{title}{more}")
    for name in chosen:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(name, justify="right" if numeric else "left")
    for row in frame[chosen].head(ROWS_SHOWN).itertuples(index=False, name=None):
        cells = [_cell(name, value) for name, value in zip(chosen, row, strict=True)]
        table.add_row(*cells)
    return table


def _cell(name: str, value: object) -> str:
    """Return a value as text."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4f}"
    text = escape(str(value))
    colour = COLOURS.get(text) if name == "verdict" else None
    return f"[{colour}]{text}[/]" if colour else text


def _limits(answer: Answer) -> list[str]:
    """Return a line for every state that breaks a limit somewhere."""
    summary = answer.summary
    words = {"base": "pre-existing, without anything judged", "asked": "as asked"}
    lines = []
    for name in answer.states:
        broken = summary[~summary[f"secure_{name}"]]
        if len(broken):
            first = broken.iloc[0]
            lines.append(
                f"limits broken {words.get(name, f'with what is feasible ({name})')}: "
                f"{len(broken)} of {len(summary)} intervals, first interval {first['interval']}: "
                f"{first[f'broken_{name}']}"
            )
    return lines


def _verdict_line(answer: Answer) -> str:
    """Return the answer in one line."""
    counts = answer.verdicts["verdict"].value_counts()
    shown = ", ".join(f"{int(counts.get(name, 0))} {name}" for name in _ORDER)
    end = "; limits are broken further than in the base case" if answer.worse else ""
    return f"[bold]{shown}[/]{end}"


_ORDER = ("accepted", "curtailed", "rejected")
