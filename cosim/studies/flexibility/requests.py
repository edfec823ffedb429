"""Requests of an operator: read, checked all at once, each problem with the nearest that can be."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from cosim.errors import ScenarioError
from cosim.records import Calendar, Fleet
from cosim.studies.flexibility.records import SIGN, Planned, Request

FORM: Final = "2016-06-13T18:00 up 50kW 1h lead 2h"
COLUMNS: Final = ("start", "direction", "power_kw", "duration_h", "lead_h")
_PATTERN: Final = re.compile(
    r"(?P<start>\S+)\s+(?P<direction>\w+)\s+(?P<power>[\d.]+)\s*kW\s+(?P<duration>[\d.]+)\s*h"
    r"(?:\s+lead\s+(?P<lead>[\d.]+)\s*h)?",
    re.IGNORECASE,
)
DEFAULT_LEAD_H: Final = 2.0
EVENING_H, NOON_H = 18, 12
WHOLE: Final = 1e-9


def request_text(request: Request, power_kw: float | None = None) -> str:
    """Return a request in the words in which one is given, with another power if stated."""
    power = request.power_kw if power_kw is None else power_kw
    told = f"{100 * request.share:g}%" if power is None else f"{power:.3f}".rstrip("0").rstrip(".")
    unit = "" if power is None else "kW"
    start = request.start.isoformat(timespec="minutes")
    return (
        f"{start} {request.direction} {told}{unit} {request.duration_h:g}h lead {request.lead_h:g}h"
    )


def parse_request(text: str) -> Request:
    """Return the request that `text` states; raise ScenarioError with everything that is wrong."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ScenarioError([f'"{text}": is no request; one reads "{FORM}"'])
    lead = match["lead"]
    return _made(
        f'"{text}"',
        match["start"],
        match["direction"],
        match["power"],
        match["duration"],
        str(DEFAULT_LEAD_H) if lead is None else lead,
    )


def read_requests(path: Path) -> list[Request]:
    """Return the requests of a CSV file; raise ScenarioError with everything that is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
            names = tuple(rows[0]) if rows else ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError([f"{path}: cannot be read as a CSV file ({error})"]) from error
    if not rows:
        raise ScenarioError([f"{path}: holds no request; its columns are {', '.join(COLUMNS)}"])
    wrong = sorted(set(COLUMNS) ^ set(names), key=str)
    if wrong:
        raise ScenarioError(
            [
                f"{path}: columns {', '.join(map(str, wrong))} are missing or unknown; "
                f"needed are {', '.join(COLUMNS)}"
            ]
        )
    found: list[Request] = []
    problems: list[str] = []
    for line, row in enumerate(rows, start=2):
        try:
            cells = [(row[name] or "").strip() for name in COLUMNS]
            found.append(_made(f"{path}, line {line}", *cells))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return found


def usual_requests(
    first: date, days: int, share: float, *, gate_closure_h: float = 0.0
) -> list[Request]:
    """Return one request down at noon and one up in the evening of every day, of a share."""
    lead_h = max(DEFAULT_LEAD_H, gate_closure_h)
    midnight = datetime(first.year, first.month, first.day)
    return [
        Request(midnight + timedelta(days=day, hours=hour), direction, None, 1.0, lead_h, share)
        for day in range(days)
        for hour, direction in ((NOON_H, "down"), (EVENING_H, "up"))
    ]


def plan_requests(
    requests: Sequence[Request], calendar: Calendar, fleet: Fleet, *, gate_closure_h: float
) -> list[Planned]:
    """Return where in the run each request lies.

    Raises:
        ScenarioError: everything that stands against them, each with the nearest that can be.
    """
    if not _able(fleet, "up") + _able(fleet, "down"):
        raise ScenarioError(
            [
                "no device on the feeder can move: no battery, vehicle, heat pump or solar panel; "
                "the nearest feasible request is 0 kW; give prosumers devices, see [community] and "
                "[[prosumers]]"
            ]
        )
    problems: list[str] = []
    planned: list[Planned] = []
    for number, request in enumerate(requests):
        found = _placed(number, request, calendar, gate_closure_h)
        if isinstance(found, Planned):
            planned.append(found)
        else:
            problems += [f"{_named(number, request)}: {each}" for each in found]
        if request.power_kw is not None and not _able(fleet, request.direction):
            other = "down" if request.direction == "up" else "up"
            nearest = replace(request, direction=other)
            problems.append(
                f"{_named(number, request)}: no device on the feeder can move "
                f'{request.direction}; nearest feasible: 0 kW, or {other}, e.g. "'
                f'{request_text(nearest)}"'
            )
    problems += _overlaps(planned, calendar)
    if problems:
        raise ScenarioError(problems)
    return planned


def _named(number: int, request: Request) -> str:
    """Return a request as people are told of it, counted from 1."""
    return f"request {number + 1} ({request_text(request)})"


def _made(where: str, start: str, direction: str, power: str, duration: str, lead: str) -> Request:
    """Return a request of its parts as text; raise ScenarioError with all that is wrong."""
    problems = []
    at = datetime.min
    try:
        at = datetime.fromisoformat(start)
        if at.tzinfo is not None:
            problems.append(f"{where}: start {start!r} must be local time without a zone")
    except ValueError:
        problems.append(f"{where}: start {start!r} is no time; allowed is e.g. 2016-06-13T18:00")
    if direction.lower() not in SIGN:
        problems.append(f"{where}: direction {direction!r} is unknown; allowed are up, down")
    values = {}
    for name, text in (("power", power), ("duration", duration), ("lead", lead)):
        try:
            values[name] = float(text)
            good = values[name] >= 0.0 if name == "lead" else values[name] > 0.0
            if not good or not np.isfinite(values[name]):
                allowed = "0 or more" if name == "lead" else "above 0"
                problems.append(f"{where}: {name} {text} is not allowed; it must be {allowed}")
        except ValueError:
            problems.append(f"{where}: {name} {text!r} is no number")
    if problems:
        raise ScenarioError(problems)
    return Request(at, direction.lower(), values["power"], values["duration"], values["lead"])


def _placed(
    number: int, request: Request, calendar: Calendar, gate_closure_h: float
) -> Planned | list[str]:
    """Return where a request lies, or everything that stands against it."""
    days, hours = _dates(calendar), calendar.interval_h
    problems = []
    if request.lead_h < gate_closure_h - WHOLE:
        nearest = replace(request, lead_h=gate_closure_h)
        problems.append(
            f"lead {request.lead_h:g} h is below the gate closure of {gate_closure_h:g} h; nearest "
            f'feasible: "{request_text(nearest)}"'
        )
    width = max(round(request.duration_h / hours), 1)
    if abs(width * hours - request.duration_h) > WHOLE:
        nearest = replace(request, duration_h=width * hours)
        problems.append(
            f"{request.duration_h:g} h is no whole number of intervals of {hours:g} h; nearest "
            f'feasible: "{request_text(nearest)}"'
        )
    midnight = datetime(request.start.year, request.start.month, request.start.day)
    if midnight not in days:
        day = min(days, key=lambda each: abs(each - midnight))
        nearest = replace(request, start=day + (request.start - midnight))
        return [
            *problems,
            f"begins outside of the days of the study, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}; "
            f'nearest feasible: "{request_text(nearest)}"',
        ]
    day_number = days.index(midnight)
    first, end = (int(each) for each in calendar.day_start[day_number : day_number + 2])
    asked = request.start.hour + request.start.minute / 60.0 + request.start.second / 3600.0
    local = calendar.local_hour[first:end]
    row = int(np.argmin(np.abs(local - asked)))
    if abs(local[row] - asked) > WHOLE:
        nearest = replace(request, start=midnight + timedelta(hours=float(local[row])))
        problems.append(f'begins within an interval; nearest feasible: "{request_text(nearest)}"')
    closure = round(gate_closure_h / hours)
    if width > end - first - closure:
        nearest = replace(request, duration_h=(end - first - closure) * hours)
        problems.append(
            "lasts longer than a day holds after gate closure; nearest feasible: "
            f'"{request_text(nearest)}"'
        )
    elif row + width > end - first or row < closure:
        fits = min(max(row, closure), end - first - width)
        why = (
            "reaches over midnight, where the next day's prices are not announced yet"
            if row >= closure
            else "begins before gate closure after midnight, when the day's prices are announced"
        )
        nearest = replace(request, start=midnight + timedelta(hours=float(local[fits])))
        problems.append(f'{why}; nearest feasible: "{request_text(nearest)}"')
    if problems:
        return problems
    call = max(first + row - round(request.lead_h / hours), first)
    return Planned(number, request, day_number, call, first + row, width)


def _overlaps(planned: Sequence[Planned], calendar: Calendar) -> Iterator[str]:
    """Yield that two requests ask for the same time."""
    ordered = sorted(planned, key=lambda each: (each.start, each.number))
    for earlier, later in pairwise(ordered):
        end = earlier.start + earlier.width
        if later.start < end:
            moved = timedelta(hours=(end - later.start) * calendar.interval_h)
            nearest = replace(later.request, start=later.request.start + moved)
            yield (
                f"{_named(later.number, later.request)}: overlaps with "
                f"{_named(earlier.number, earlier.request)}; nearest feasible: "
                f'"{request_text(nearest)}"'
            )


def _able(fleet: Fleet, direction: str) -> float:
    """Return the rated power of all devices that can move in a direction, kW."""
    rated = fleet.battery_kw[0] + fleet.vehicle_kw[0] + fleet.heat_pump_kw[0]
    return float((rated + fleet.pv_kwp[0] * (direction == "down")).sum())


def _dates(calendar: Calendar) -> list[datetime]:
    """Return midnight of every day of the run, local time."""
    noons = calendar.start_utc[calendar.day_start[:-1]] + np.timedelta64(12, "h")
    return [datetime.fromisoformat(str(noon.astype("datetime64[D]"))) for noon in noons]
