"""Read MATPOWER cases: matrices and the two conversions that distribution cases end with.

A case file is a MATLAB function. Distribution cases often give impedances in ohm and loads in kW,
and convert them by statements after the matrices. These two are known and done; a file with any
other statement is refused rather than misread. Nothing of the file is run.
"""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandapower as pp
from pandapower.converter.pypower import from_ppc

from networks.errors import NetworkError
from networks.feeder import Floats
from networks.malformed import listed
from networks.plain_json import UNREADABLE

COLUMNS = {"bus": 13, "gen": 10, "branch": 11}
"""Matrices that are needed, and how many columns each has at least."""

BUS, BUS_TYPE, PD, QD, BASE_KV = 0, 1, 2, 3, 9
GEN_BUS = 0
BS, GEN_STATUS = 5, 7
FROM, TO, BR_R, BR_X, BR_B, RATE_A, TAP, SHIFT, BR_STATUS = 0, 1, 2, 3, 4, 5, 8, 9, 10
PQ, PV, REFERENCE, ISOLATED = 1, 2, 3, 4
SAME_RATIO = 1e-9
"""Marks a transformer of nominal ratio, which the converter else takes for an impedance."""

IGNORED = re.compile(
    r"\[[\w,]+\]=(idx_bus|idx_brch|idx_gen|idx_cost)(\(\))?|define_constants|return|end"
    r"|Vbase=mpc\.bus\(1,BASE_KV\)\*1e3|Sbase=mpc\.baseMVA\*1e6|mpc\.version=.*|pf=[\d.]+"
)
OHM = re.compile(
    r"mpc\.branch\(:,\[(?:BR_R,?BR_X|3,?4)\]\)=mpc\.branch\(:,\[(?:BR_R,?BR_X|3,?4)\]\)"
    r"/\(Vbase\^2/Sbase\)"
)
KW = re.compile(r"mpc\.bus\(:,\[(?:PD,?QD|3,?4)\]\)=mpc\.bus\(:,\[(?:PD,?QD|3,?4)\]\)/(?:1e3|1000)")


@dataclass(slots=True)
class _Case:
    """What stands in a case file."""

    base_mva: float = 0.0
    matrices: dict[str, Floats] = field(default_factory=dict)
    conversions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_case(path: Path) -> tuple[pp.pandapowerNet, list[str]]:
    """Return the net of a case, its buses numbered as in the file, and sentences on assumptions.

    Raises:
        NetworkError: all problems of the file at once.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror})") from error
    case = _parse(text)
    if not case.problems:
        case.problems += _contradictions(case)
    if case.problems:
        raise NetworkError([f"{path}: {problem}" for problem in case.problems])
    notes = [*_convert(case), *_as_injections(case)]
    _mark_transformers(case)
    notes += _charging_as_shunts(case)
    content = {"version": "2", "baseMVA": case.base_mva, **case.matrices}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing columns, which are checked here
            net = from_ppc(content)
    except UNREADABLE as error:
        raise NetworkError(
            f"{path}: pandapower cannot convert it ({type(error).__name__}: {error})"
        ) from error
    nominal = net.trafo.index[(net.trafo.tap_step_percent < 1e4 * SAME_RATIO).to_numpy(bool)]
    net.trafo.loc[nominal, "tap_step_percent"] = 0.0
    net.trafo.loc[nominal, "tap_pos"] = 0.0
    net.bus["zone"] = None  # numbers of loss zones, not who lives there
    return net, notes


def _parse(text: str) -> _Case:
    """Return matrices and conversions, with all that is wrong with them."""
    case = _Case()
    rest = re.sub(r"%[^\n]*", "", text).replace("...\n", " ")
    for found in re.finditer(r"mpc\.(\w+)\s*=\s*\[(.*?)\]\s*;?", rest, re.DOTALL):
        if found[1] in COLUMNS:
            _add_matrix(case, found[1], found[2])
    _check_version(case, rest)
    for name in COLUMNS:
        if not re.search(rf"mpc\.{name}\s*=\s*\[", rest):
            case.problems.append(f"mpc.{name} is missing; allowed are MATPOWER cases of version 2")
        elif name not in case.matrices and not any(f"mpc.{name}" in p for p in case.problems):
            case.problems.append(f"mpc.{name} is not closed by `]`; the file may be cut short")
    rest = re.sub(r"mpc\.\w+\s*=\s*\[.*?\]\s*;?", "", rest, flags=re.DOTALL)
    rest = re.sub(r"mpc\.\w+\s*=\s*\{.*?\}\s*;?", "", rest, flags=re.DOTALL)
    base = re.search(r"mpc\.baseMVA\s*=\s*([^;\n]*);?", rest)
    try:
        case.base_mva = float(base[1]) if base else 0.0
    except ValueError:
        case.base_mva = 0.0
    if not case.base_mva > 0.0:
        told = f"is `{base[1].strip()}`, no number above 0" if base else "is missing"
        case.problems.append(f"mpc.baseMVA {told}")
    if base:
        rest = rest.replace(base[0], "")
    if not any("not closed" in problem for problem in case.problems):
        _read_statements(case, rest)
    return case


def _check_version(case: _Case, rest: str) -> None:
    """Note a case of another version; one that names none is taken as it is."""
    version = re.search(r"mpc\.version\s*=\s*['\"]?([\w.]+)", rest)
    if version and version[1] != "2":
        case.problems.append(
            f"mpc.version is {version[1]}; allowed are MATPOWER cases of version 2: load the case "
            "in MATPOWER and write it with savecase"
        )


def _add_matrix(case: _Case, name: str, body: str) -> None:
    rows = [row.replace(",", " ").split() for row in re.split(r"[;\n]", body)]
    rows = [row for row in rows if row]
    try:
        numbers = [[float(cell) for cell in row] for row in rows]
    except ValueError as error:
        case.problems.append(f"mpc.{name} holds what is no number ({error})")
        return
    widths = sorted({len(row) for row in numbers})
    if len(widths) > 1:
        case.problems.append(
            f"mpc.{name} has rows of {widths[0]} to {widths[-1]} columns; all must have the same"
        )
    elif not widths or widths[0] < COLUMNS[name]:
        found = widths[0] if widths else 0
        case.problems.append(
            f"mpc.{name} has {found} columns; a case of version 2 has {COLUMNS[name]} or more"
        )
    else:
        case.matrices[name] = np.array(numbers)


def _read_statements(case: _Case, rest: str) -> None:
    """Note the conversions among the statements; everything else that is not known is refused."""
    for statement in re.split(r"[;\n]", rest):
        if re.match(r"\s*function\b", statement):
            continue
        bare = re.sub(r"\s+", "", statement)
        if not bare or IGNORED.fullmatch(bare):
            continue
        if OHM.fullmatch(bare):
            case.conversions.append("ohm")
        elif KW.fullmatch(bare):
            case.conversions.append("kw")
        else:
            case.problems.append(
                f"the statement `{statement.strip()}` would change the case, and MATLAB is not run "
                "here; load the case in MATPOWER and write it with savecase"
            )


def _contradictions(case: _Case) -> list[str]:
    """Return what of the matrices does not fit together."""
    bus, gen, branch = (case.matrices[name] for name in ("bus", "gen", "branch"))
    numbers, counts = np.unique(bus[:, BUS], return_counts=True)
    found = []
    if (counts > 1).any():
        found.append(f"mpc.bus gives {_listed(numbers[counts > 1])} more than once")
    for name, at in (("gen", gen[:, [GEN_BUS]]), ("branch", branch[:, [FROM, TO]])):
        nowhere = np.setdiff1d(at, numbers)
        if len(nowhere):
            found.append(f"mpc.{name} names {_listed(nowhere)}, which mpc.bus does not have")
    if not (bus[:, BUS_TYPE] == REFERENCE).any():
        found.append("mpc.bus has no bus of type 3 (reference), from which the feeder is supplied")
    if (bus[:, BASE_KV] <= 0.0).any():
        found.append(f"BASE_KV of {_listed(bus[bus[:, BASE_KV] <= 0.0, BUS])} must be above 0")
    return found


def _convert(case: _Case) -> list[str]:
    notes = []
    bus, branch = case.matrices["bus"], case.matrices["branch"]
    for conversion in case.conversions:
        if conversion == "ohm":
            branch[:, [BR_R, BR_X]] /= bus[0, BASE_KV] ** 2 / case.base_mva
            notes.append("branch impedances: given in ohm, converted as the case says")
        else:
            bus[:, [PD, QD]] /= 1e3
            notes.append("loads: given in kW and kvar, converted as the case says")
    return notes


def _as_injections(case: _Case) -> list[str]:
    """Let generators feed in the power that the case gives, whatever the voltage."""
    bus, gen = case.matrices["bus"], case.matrices["gen"]
    kind = dict(zip(bus[:, BUS].tolist(), bus[:, BUS_TYPE].tolist(), strict=True))
    elsewhere = np.array([kind[number] != REFERENCE for number in gen[:, GEN_BUS].tolist()], bool)
    elsewhere &= gen[:, GEN_STATUS] > 0.0
    holding = bus[:, BUS_TYPE] == PV
    bus[holding, BUS_TYPE] = PQ
    if not elsewhere.any():
        return []
    return [
        f"generators at {_listed(gen[elsewhere, GEN_BUS])}: static generators with PG and QG of "
        "the case; they do not hold a voltage"
    ]


def _mark_transformers(case: _Case) -> None:
    """Let branches between voltage levels be transformers, also those of nominal ratio."""
    bus, branch = case.matrices["bus"], case.matrices["branch"]
    level = dict(zip(bus[:, BUS].tolist(), bus[:, BASE_KV].tolist(), strict=True))
    branch[branch[:, TAP] == 0.0, TAP] = 1.0
    differ = np.array([level[start] != level[end] for start, end in branch[:, [FROM, TO]].tolist()])
    branch[differ & (branch[:, TAP] == 1.0), TAP] = 1.0 + SAME_RATIO


def _charging_as_shunts(case: _Case) -> list[str]:
    """Put the line charging of branches that become transformers at their ends.

    The conversion makes of it a magnetising current, which is inductive. The half at the first
    bus lies behind the tap, so that the square of the tap divides it (MATPOWER manual, 3.2).
    """
    bus, branch = case.matrices["bus"], case.matrices["branch"]
    row_of = {number: row for row, number in enumerate(bus[:, BUS].tolist())}
    turned = ((branch[:, TAP] != 1.0) | (branch[:, SHIFT] != 0.0)) & (branch[:, BR_B] != 0.0)
    dead = bus[bus[:, BUS_TYPE] == ISOLATED, BUS]
    used = turned & (branch[:, BR_STATUS] > 0.0) & ~np.isin(branch[:, [FROM, TO]], dead).any(axis=1)
    for start, end, charging, tap in branch[used][:, [FROM, TO, BR_B, TAP]].tolist():
        half_mvar = charging / 2.0 * case.base_mva
        bus[row_of[start], BS] += half_mvar / tap**2
        bus[row_of[end], BS] += half_mvar
    pairs = ", ".join(f"{start:g} to {end:g}" for start, end in branch[used][:8, [FROM, TO]])
    branch[turned, BR_B] = 0.0
    if not used.any():
        return []
    return [
        f"branches {pairs}{' and more' if used.sum() > 8 else ''}: transformers with line "
        "charging; it stands as shunts at both ends and is no part of their loading"
    ]


def _listed(numbers: Floats) -> str:
    import pandas as pd

    return f"bus {listed(pd.Index(np.unique(numbers).astype(np.int64)))}"
