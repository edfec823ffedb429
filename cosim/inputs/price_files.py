"""Price files to regular series in UTC and EUR/kWh, with where they come from.

Nothing is bundled: the file is the user's own download, and its licence stays with it. Credit
lines to show with results: "Bundesnetzagentur | SMARD.de, CC BY 4.0" for SMARD, "Energinet, Energi
Data Service, CC BY 4.0" for Energi Data Service.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.inputs.price_formats import ParsedPrices, parse_prices
from cosim.price_provenance import PriceProvenance
from cosim.records import Floats, Integers
from cosim.scenario import Prices

RESOLUTIONS_MINUTES = (60, 15)
LOOKS_LIKE_PER_MWH = 2.0
"""EUR/kWh. No market has had half of its prices above this, nor all of them below it per MWh."""

_EXAMPLES = 3
_MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True, slots=True, eq=False)
class PriceSeries:
    """A regular price series. Periods without a price are kept as NaN, never filled."""

    start_utc: NDArray[np.datetime64]  # (n,) start of each period, minutes
    price_eur_per_kwh: Floats  # (n,)
    provenance: PriceProvenance


def read_price_file(settings: Prices) -> PriceSeries:
    """Read the file of `settings`; its format is recognised by content, not by its name.

    Raises PriceError with all problems: not readable, unknown format, unit or time zone not
    stated, wrong unit, prices that contradict each other, a resolution other than 60 or 15 min.
    """
    if settings.file is None:
        raise PriceError('source = "file" needs file = "PATH"')
    path = settings.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PriceError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        parsed = parse_prices(_decode(content), settings)
        return _regular(parsed, path, hashlib.sha256(content).hexdigest())
    except PriceError as error:
        raise PriceError([f"{path}: {problem}" for problem in error.problems]) from error


def name_periods(start_utc: NDArray[np.datetime64]) -> str:
    """Return the first few of some period starts, for a message."""
    shown = ", ".join(name_moment(moment) for moment in start_utc[:_EXAMPLES])
    return shown + (", ..." if len(start_utc) > _EXAMPLES else "")


def name_moment(moment: np.datetime64) -> str:
    """Return e.g. "2019-12-31 23:00 UTC"."""
    return str(moment.astype("datetime64[m]")).replace("T", " ") + " UTC"


def _decode(content: bytes) -> str:
    """Return text of UTF-8, with or without byte-order mark, or else of Windows' cp1252."""
    if b"\0" in content:
        raise PriceError("is not a text file in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _regular(parsed: ParsedPrices, path: Path, sha256: str) -> PriceSeries:
    """Sort, drop agreeing duplicates, put NaN where periods are missing, convert the unit."""
    finite = np.isfinite(parsed.price)
    if np.sum(finite) < 2:
        raise PriceError(f"holds {np.sum(finite)} prices; at least two are needed")
    order = np.lexsort((~finite, parsed.start_utc))
    start, price = parsed.start_utc[order], parsed.price[order]
    repeated = start[1:] == start[:-1]
    problems = _disagreeing(start, price, parsed.line[order], parsed.place_noun)
    problems += _wrong_unit(price[np.isfinite(price)], parsed.unit)
    keep = np.r_[True, ~repeated]
    start, price = start[keep], price[keep]
    minutes = np.diff(start) // _MINUTE
    distances, counts = np.unique(minutes, return_counts=True)
    resolution = int(distances[counts.argmax()])
    problems += _wrong_grid(start, resolution)
    if not problems and parsed.local_time_zone is not None:
        problems += _stamped_at_end(start, resolution, parsed.local_time_zone)
    if problems:
        raise PriceError(problems)
    step = np.timedelta64(resolution, "m")
    axis = np.arange(start[0], start[-1] + step, step)
    values = np.full(len(axis), np.nan)
    values[(start - start[0]) // step] = price
    notes = [*parsed.notes]
    if repeated.any():
        notes.append(f"{int(repeated.sum())} repeated prices left out")
    if parsed.unit == "EUR/MWh":
        values /= 1000.0
        notes.append("EUR/MWh / 1000 = EUR/kWh")
    provenance = PriceProvenance(
        kind=parsed.kind,
        file=path,
        sha256=sha256,
        resolution_minutes=resolution,
        unit=parsed.unit,
        column=parsed.column,
        conversions=tuple(notes),
        first_utc=axis[0],
        end_utc=axis[-1] + step,
        missing_count=int(np.isnan(values).sum()),
    )
    return PriceSeries(axis, values, provenance)


def _disagreeing(
    start: NDArray[np.datetime64], price: Floats, line: Integers, place_noun: str
) -> list[str]:
    """Return a sentence if a period has several prices; `start` is sorted, NaN come last."""
    places = np.flatnonzero((start[1:] == start[:-1]) & (np.abs(np.diff(price)) > 0.0))
    if not len(places):
        return []
    shown = "; ".join(
        f"{name_moment(start[i])}: {price[i]:g} and {price[i + 1]:g} "
        f"({place_noun} {min(line[i], line[i + 1])} and {max(line[i], line[i + 1])})"
        for i in places[:_EXAMPLES]
    )
    return [
        f"{len(places)} periods have prices that disagree: {shown}; each period may occur once, "
        "or again with the same price"
    ]


def _wrong_unit(price: Floats, unit: str) -> list[str]:
    """Return a sentence if the size of prices contradicts `unit`."""
    size = np.abs(price)
    if unit == "EUR/kWh" and np.median(size) > LOOKS_LIKE_PER_MWH:
        return [
            f"prices are stated in EUR/kWh, but half of them exceed {np.median(size):g}, which "
            'looks like EUR/MWh; set unit = "EUR/MWh"'
        ]
    if unit == "EUR/MWh" and 0.0 < size.max() < LOOKS_LIKE_PER_MWH:
        return [
            f"prices are taken as EUR/MWh, but none exceeds {size.max():g}, which looks like "
            'EUR/kWh; set unit = "EUR/kWh" (two-column CSV) or convert the file'
        ]
    return []


def _wrong_grid(start: NDArray[np.datetime64], resolution: int) -> list[str]:
    """Return a sentence if periods are not hours or quarter hours on a regular grid."""
    if resolution not in RESOLUTIONS_MINUTES:
        return [f"prices are {resolution} minutes apart; allowed: 60 or 15 minutes"]
    since_first = (start - start[0]) // _MINUTE
    off_grid = since_first % resolution != 0
    if int(start[0].astype(np.int64)) % RESOLUTIONS_MINUTES[-1]:
        return [f"the first period starts at {name_moment(start[0])}, not on a quarter hour"]
    if off_grid.any():
        return [
            f"most prices are {resolution} minutes apart, but {int(off_grid.sum())} periods lie "
            f"in between: {name_periods(start[off_grid])}; one file must have one resolution"
        ]
    if 2 * len(start) < since_first[-1] // resolution:
        return [
            f"more than half of the periods between {name_moment(start[0])} and "
            f"{name_moment(start[-1])} are missing; is a year mistyped?"
        ]
    return []


def _stamped_at_end(start: NDArray[np.datetime64], resolution: int, time_zone: str) -> list[str]:
    """Return a sentence if whole local days seem to be stamped at the end of their periods."""
    ends = pd.DatetimeIndex(start[[0, -1]]).tz_localize("UTC").tz_convert(time_zone)
    first, last = (60 * moment.hour + moment.minute for moment in ends)
    if first != resolution or last != 0 or start[-1] - start[0] < np.timedelta64(23, "h"):
        return []
    return [
        f"the stamps run from {ends[0]:%Y-%m-%d %H:%M} to {ends[1]:%Y-%m-%d %H:%M} {time_zone}, "
        f"as if they were the ends of periods; a stamp must be the start, {resolution} min earlier"
    ]
