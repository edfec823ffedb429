"""What `cosim feeders inspect` shows: what was understood of a feeder, its base case and a map."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
from networks.feeder import LINE, TRANSFORMER, Feeder
from networks.file_kinds import is_path
from networks.net_devices import NetDevices, told
from networks.understanding import understood

WIDTH_OF_FILES = 140
"""Columns to print where the output is no terminal."""

PAGES = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Extremes:
    """The worst of one state of a feeder; NaN or -1 where there is none."""

    state: str
    loads: float  # share of the nominal power
    generators: float
    solved: bool = False
    secure: bool = False
    lowest_pu: float = math.nan
    lowest_bus: str = ""
    highest_pu: float = math.nan
    highest_bus: str = ""
    line_percent: float = math.nan
    line: int = -1
    transformer_percent: float = math.nan
    transformer: int = -1
    loss_kw: float = math.nan


def inspect_feeder(
    name: str, page: Path | None, *, limits: str | None = None, as_json: bool = False
) -> None:
    """Print what was understood of a feeder, and write its map to `page` where wanted.

    Raises:
        NetworkError: the feeder is unknown or refused; all problems at once.
        SubmissionError: the page cannot be written.
    """
    if page is not None and page.suffix.lower() not in PAGES:
        raise SubmissionError(f"--map {page}: is written as HTML; let its name end in .html")
    feeder = load_feeder(name, limits=limits)
    power_flow = PowerFlow(feeder)
    base = solve_states(power_flow, feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None])
    cases = tuple(extremes(power_flow))
    facts = (
        *understood(build_net(name), feeder),
        ("devices", owned(devices_of(name))),
        *((case.state, case_text(case)) for case in cases),
    )
    notes = tuple(what_was_assumed(feeder, cases, is_file=is_path(name)))
    if as_json:
        typer.echo(as_text(feeder, facts, cases, notes))
    else:
        show(feeder, facts, notes)
    if page is None:
        return
    try:
        write_feeder_page(feeder, base, facts, page, notes)
    except OSError as error:
        raise SubmissionError(f"--map {page}: cannot be written ({error.strerror})") from error
    typer.echo(f"\nmap  {page.resolve()}", err=as_json)


def show(feeder: Feeder, facts: tuple[tuple[str, str], ...], notes: tuple[str, ...]) -> None:
    """Print facts as a table and notes below it."""
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
    console.print(Text("\nassumed and repaired:" if notes else "\nnothing was assumed"))
    for note in notes:
        console.print(Padding(Text(f"* {note}"), (0, 0, 0, 2)))


def what_was_assumed(
    feeder: Feeder, cases: tuple[Extremes, ...], *, is_file: bool
) -> Iterator[str]:
    """Yield everything that was assumed of a feeder, and what its states warn of."""
    if feeder.ratings_assumed and not is_file:  # the notes on a file say it of each element
        yield f"ratings: {feeder.ratings_source.removeprefix('Assumed: ')}"
    yield from feeder.notes
    unloaded = cases[-1]
    if not unloaded.secure:
        found = (
            f"breaks its limits ({unloaded.lowest_pu:.3f} to {unloaded.highest_pu:.3f} p.u.)"
            if unloaded.solved
            else "has no power flow"
        )
        yield (
            f"WARNING: without load the feeder {found}, and taps stay where they are: hours of "
            "little load will break limits in a run, whatever is traded. Fix the taps at lower "
            "positions, or judge by wider limits"
        )


def extremes(power_flow: PowerFlow) -> Iterator[Extremes]:
    """Yield the worst of the base case, of the same with generators where there are, and empty."""
    feeder = power_flow.feeder
    yield _extremes(power_flow, "base case", loads=1.0, generators=0.0)
    if feeder.nominal_generation_kw.any() or feeder.nominal_generation_kvar.any():
        yield _extremes(power_flow, "with generators", loads=1.0, generators=1.0)
    yield _extremes(power_flow, "without load", loads=0.0, generators=0.0)


def _extremes(power_flow: PowerFlow, state: str, *, loads: float, generators: float) -> Extremes:
    feeder = power_flow.feeder
    kw = loads * feeder.nominal_load_kw - generators * feeder.nominal_generation_kw
    kvar = loads * feeder.nominal_load_kvar - generators * feeder.nominal_generation_kvar
    found = solve_states(power_flow, kw[None], kvar[None])
    if not found.solved[0]:
        return Extremes(state, loads, generators)
    volts = found.voltage_pu[0]
    low, high = int(np.argmin(volts)), int(np.argmax(volts))
    line_percent, line = _worst(feeder, found, LINE)
    transformer_percent, transformer = _worst(feeder, found, TRANSFORMER)
    return Extremes(
        state,
        loads,
        generators,
        solved=True,
        secure=bool(found.secure[0]),
        lowest_pu=float(volts[low]),
        lowest_bus=feeder.bus_text(low),
        highest_pu=float(volts[high]),
        highest_bus=feeder.bus_text(high),
        line_percent=line_percent,
        line=line,
        transformer_percent=transformer_percent,
        transformer=transformer,
        loss_kw=float(power_flow.solve(kw[None], kvar[None]).loss_kw[0]),
    )


def _worst(feeder: Feeder, found: States, kind: int) -> tuple[float, int]:
    """Return the highest loading of a kind of branches, and the number of that branch."""
    mine = np.flatnonzero(feeder.branch_kind == kind)
    if not len(mine):
        return math.nan, -1
    worst = mine[np.argmax(found.loading_percent[0, mine])]
    return float(found.loading_percent[0, worst]), int(feeder.branch_index[worst])


STATES = {
    (1.0, 0.0): "every load at its nominal power, generators off",
    (1.0, 1.0): "every load and every generator at its nominal power",
    (0.0, 0.0): "loads and generators off, taps as they are",
}


def case_text(case: Extremes) -> str:
    """Return voltages, loadings and losses of a state as a sentence."""
    words = STATES[case.loads, case.generators]
    if not case.solved:
        return f"{words}: no power flow"
    parts = [
        f"{case.lowest_pu:.4f} p.u. at {case.lowest_bus} to {case.highest_pu:.4f} p.u. at "
        f"{case.highest_bus}"
    ]
    for word, number, percent in (
        ("line", case.line, case.line_percent),
        ("trafo", case.transformer, case.transformer_percent),
    ):
        if not math.isnan(percent):
            parts.append(f"{word} {number} at {percent:.1f} %")
    kept = "inside its limits" if case.secure else "it breaks its limits"
    return f"{words}: {', '.join(parts)}, losses {case.loss_kw:,.1f} kW; {kept}"


def owned(devices: NetDevices) -> str:
    """Return which devices of the net, as published, prosumers could own."""
    if not len(devices):
        return "none that prosumers could own"
    return f"{told(devices)}; prosumers own them with cosim run --community feeder"


def as_text(
    feeder: Feeder,
    facts: tuple[tuple[str, str], ...],
    cases: tuple[Extremes, ...],
    notes: tuple[str, ...],
) -> str:
    """Return everything as JSON; what there is none of is null."""
    content = {
        "name": feeder.name,
        "title": feeder.title,
        "source": feeder.source,
        "understood": [{"what": heading, "is": text} for heading, text in facts],
        "limits": {
            "voltage_min_pu": float(feeder.voltage_min_pu.min()),
            "voltage_max_pu": float(feeder.voltage_max_pu.max()),
            "loading_max_percent": (
                float(feeder.loading_max_percent.max()) if feeder.branch_count else None
            ),
        },
        "states": [
            {
                key: None if value == -1 or value != value else value
                for key, value in asdict(case).items()
            }
            for case in cases
        ],
        "buses": [
            {
                "bus": int(number),
                "bus_name": name,
                "nominal_kv": float(kv),
                "load_kw": float(load),
                "generation_kw": float(generation),
            }
            for number, name, kv, load, generation in zip(
                feeder.bus_index,
                feeder.bus_name,
                feeder.bus_nominal_kv,
                feeder.nominal_load_kw,
                feeder.nominal_generation_kw,
                strict=True,
            )
        ],
        "ratings_assumed": feeder.ratings_assumed,
        "assumed_and_repaired": list(notes),
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
