"""What `cosim feeders inspect` shows: what was understood of a feeder, its base case and a map."""

from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cosim.errors import SubmissionError
from cosim.grid.power_flow import PowerFlow
from cosim.reports.feeder_page import write_feeder_page
from cosim.submissions.states import States, solve_states
from networks.catalog import build_net, devices_of, load_feeder
from networks.feeder import LINE, Feeder
from networks.net_devices import NetDevices, told
from networks.understanding import understood

WIDTH_OF_FILES = 140
"""Columns to print where the output is no terminal."""


def inspect_feeder(name: str, page: Path | None) -> None:
    """Print what was understood of a feeder, and write its map to `page` where wanted.

    Raises:
        NetworkError: the feeder is unknown or refused; all problems at once.
        SubmissionError: the page cannot be written.
    """
    feeder = load_feeder(name)
    base = solve_states(
        PowerFlow(feeder),
        (feeder.nominal_load_kw - feeder.nominal_generation_kw)[None],
        (feeder.nominal_load_kvar - feeder.nominal_generation_kvar)[None],
    )
    facts = (
        *understood(build_net(name), feeder),
        ("devices", owned(devices_of(name))),
        ("base case", base_case(feeder, base)),
    )
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    console.print(Text.assemble((feeder.name, "bold"), f"  {feeder.title}"))
    console.print(Text(f"from: {feeder.source}\n"))
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for heading, text in facts:
        table.add_row(heading, Text(text))
    console.print(table)
    console.print(Text("\nassumed and repaired:" if feeder.notes else "\nnothing was assumed"))
    for note in feeder.notes:
        console.print(Padding(Text(f"* {note}"), (0, 0, 0, 2)))
    if page is not None:
        try:
            write_feeder_page(feeder, base, facts, page)
        except OSError as error:
            raise SubmissionError(f"--map {page}: cannot be written ({error.strerror})") from error
        typer.echo(f"\nmap  {page.resolve()}")


def owned(devices: NetDevices) -> str:
    """Return which devices of the net, as published, prosumers could own."""
    if not len(devices):
        return "none that prosumers could own"
    return f"{told(devices)}; prosumers own them with cosim run --community feeder"


def base_case(feeder: Feeder, base: States) -> str:
    """Return voltages and loadings with every load and generator at its nominal power."""
    if not base.solved[0]:
        return "no power flow"
    volts, loading = base.voltage_pu[0], base.loading_percent[0]
    low, high = int(np.argmin(volts)), int(np.argmax(volts))
    parts = [
        f"{volts[low]:.4f} p.u. at bus {feeder.bus_index[low]} to {volts[high]:.4f} p.u. at bus "
        f"{feeder.bus_index[high]}"
    ]
    for kind, word in ((LINE, "line"), (1 - LINE, "trafo")):
        mine = np.flatnonzero(feeder.branch_kind == kind)
        if len(mine):
            worst = mine[np.argmax(loading[mine])]
            parts.append(f"{word} {feeder.branch_index[worst]} at {loading[worst]:.1f} %")
    kept = "inside its limits" if base.secure[0] else "it breaks its limits"
    return f"{', '.join(parts)}; {kept}"
