"""Day-ahead and imbalance prices of a run, from files or from the synthetic generator.

Credit: files of SMARD are "Bundesnetzagentur | SMARD.de, CC BY 4.0"; the synthetic generator
follows statistics derived from them. Synthetic prices are labelled so.
"""

import datetime
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import PriceError
from cosim.inputs.price_files import (
    PriceSeries,
    name_moment,
    name_periods,
    read_price_file,
)
from cosim.inputs.synthetic_prices import (
    QUARTER_HOUR,
    day_ahead_eur_per_mwh,
    draw,
    imbalance_spread_eur_per_mwh,
)
from cosim.price_provenance import PriceProvenance
from cosim.records import Floats
from cosim.scenario import Prices, Wholesale

KWH_PER_MWH = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class PricePaths:
    """Prices of every environment; those of a file are the same in all."""

    day_ahead_eur_per_kwh: Floats  # (T, B)
    imbalance_eur_per_kwh: Floats  # (T, B)
    day_ahead_label: str  # e.g. "synthetic (calm)" or "smard_2019.json, EUR/MWh"
    imbalance_label: str
    day_ahead_provenance: PriceProvenance | None = None  # None where synthetic
    imbalance_provenance: PriceProvenance | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _FilePath:
    """What one file gives for the run."""

    price_eur_per_kwh: Floats  # (T,)
    label: str
    provenance: PriceProvenance


def day_ahead_and_imbalance(
    wholesale: Wholesale,
    start_utc: NDArray[np.datetime64],
    time_zone: str,
    first_day: datetime.date,
    generators: list[np.random.Generator],
) -> PricePaths:
    """Return the prices of a run in EUR/kWh, one path for each of the B generators.

    `start_utc` (T,) are regular quarter hours; `first_day` is the local day they begin with.
    Synthetic imbalance prices are the day-ahead prices, whatever their source, plus a spread.
    Raises PriceError with every problem of both sources.
    """
    files, problems = _from_files(wholesale, start_utc, time_zone, first_day)
    if problems:
        raise PriceError(problems)
    day_ahead, imbalance = files
    local = _local_time(start_utc, time_zone)
    draws = draw(local, start_utc, generators)
    shape = (len(start_utc), len(generators))
    regime = wholesale.day_ahead.regime
    if day_ahead is None:
        day_ahead_price = day_ahead_eur_per_mwh(regime, local, draws) / KWH_PER_MWH
        day_ahead_label = f"synthetic ({regime})"
    else:
        day_ahead_price = np.broadcast_to(day_ahead.price_eur_per_kwh[:, None], shape).copy()
        day_ahead_label = day_ahead.label
    if imbalance is None:
        spread = imbalance_spread_eur_per_mwh(draws) / KWH_PER_MWH
        imbalance_price = day_ahead_price + spread
        imbalance_label = f"{day_ahead_label} + synthetic spread"
    else:
        imbalance_price = np.broadcast_to(imbalance.price_eur_per_kwh[:, None], shape).copy()
        imbalance_label = imbalance.label
    return PricePaths(
        day_ahead_eur_per_kwh=day_ahead_price,
        imbalance_eur_per_kwh=imbalance_price,
        day_ahead_label=day_ahead_label,
        imbalance_label=imbalance_label,
        day_ahead_provenance=None if day_ahead is None else day_ahead.provenance,
        imbalance_provenance=None if imbalance is None else imbalance.provenance,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Needed:
    """The quarter hours a run needs prices for."""

    start_utc: NDArray[np.datetime64]  # (T,) regular
    time_zone: str
    first_day: datetime.date  # local day they begin with


def price_problems(settings: Prices, needed: Needed | None) -> list[str]:
    """Return everything that keeps one price series from being played; raises nothing.

    Without `needed`, because nobody knows yet which days are played, the file is checked by itself.
    """
    try:
        _refuse_unused_file(settings)
        if needed is not None:
            _from_file(settings, needed.start_utc, needed.time_zone, needed.first_day)
        elif settings.source == "file":
            read_price_file(settings)
    except PriceError as error:
        # Where the unit hides nothing, both find the same.
        return list(dict.fromkeys([*error.problems, *_problems_behind(settings, needed)]))
    return []


def days_without_prices(settings: Prices, needed: Needed) -> list[datetime.date]:
    """Return the local days of `needed` for which a file lacks prices, in order; none if synthetic.

    Here the quarter hours may have gaps between them.

    Raises:
        PriceError: the file cannot be read at all.
    """
    if settings.source == "synthetic":
        return []
    series, zone = read_price_file(settings), needed.time_zone
    provenance = series.provenance
    of_file = needed.start_utc
    if settings.first_day is not None:
        of_file = _moved(of_file, zone, needed.first_day, settings.first_day)
    inside = (of_file >= provenance.first_utc) & (of_file + QUARTER_HOUR <= provenance.end_utc)
    place = (of_file - provenance.first_utc) // np.timedelta64(provenance.resolution_minutes, "m")
    lacking = ~inside
    lacking[inside] = np.isnan(series.price_eur_per_kwh[place[inside]])
    days = _local_time(needed.start_utc[lacking], zone).astype("datetime64[D]")
    return [day.item() for day in np.unique(days)]


def _problems_behind(settings: Prices, needed: Needed | None) -> list[str]:
    """Return problems of the range that a unit left out hides; stamps are read without it."""
    if needed is None or settings.source != "file" or settings.unit is not None:
        return []
    for unit in ("EUR/MWh", "EUR/kWh"):
        assumed = settings.model_copy(update={"unit": unit})
        try:
            read_price_file(assumed)
        except PriceError:
            continue
        try:
            _from_file(assumed, needed.start_utc, needed.time_zone, needed.first_day)
        except PriceError as error:
            return list(error.problems)
        return []
    return []


def _from_files(
    wholesale: Wholesale,
    start_utc: NDArray[np.datetime64],
    time_zone: str,
    first_day: datetime.date,
) -> tuple[list[_FilePath | None], list[str]]:
    """Return day-ahead and imbalance prices, None where synthetic, and all problems of both."""
    paths: list[_FilePath | None] = []
    problems: list[str] = []
    for name in ("day_ahead", "imbalance"):
        settings: Prices = getattr(wholesale, name)
        try:
            paths.append(_from_file(settings, start_utc, time_zone, first_day))
        except PriceError as error:
            problems += [f"wholesale.{name}: {problem}" for problem in error.problems]
    return paths, problems


def _from_file(
    settings: Prices, start_utc: NDArray[np.datetime64], time_zone: str, first_day: datetime.date
) -> _FilePath | None:
    """Return the prices a file has for the run, or None where they are synthetic."""
    _refuse_unused_file(settings)
    if settings.source == "synthetic":
        return None
    series = read_price_file(settings)
    needed = start_utc
    label = series.provenance.label
    if settings.first_day is not None:
        needed = _moved(start_utc, time_zone, first_day, settings.first_day)
        label += f", from {settings.first_day}"
    try:
        price = _prices_at(series, needed, time_zone)
    except PriceError as error:
        raise PriceError([f"{settings.file}: {problem}" for problem in error.problems]) from error
    return _FilePath(price, label, series.provenance)


def _refuse_unused_file(settings: Prices) -> None:
    """Raise PriceError where a file is given that the source does not read."""
    if settings.source == "synthetic" and settings.file is not None:
        raise PriceError(
            f'file = "{settings.file}" is given, but source = "synthetic"; '
            'set source = "file" or leave the file out'
        )


def _prices_at(series: PriceSeries, needed: NDArray[np.datetime64], time_zone: str) -> Floats:
    """Return the prices of the quarter hours that start at `needed`, (T,) EUR/kWh."""
    provenance = series.provenance
    if needed[0] < provenance.first_utc or needed[-1] + QUARTER_HOUR > provenance.end_utc:
        raise PriceError(_out_of_range(series, needed, time_zone))
    place = (needed - provenance.first_utc) // np.timedelta64(provenance.resolution_minutes, "m")
    price = series.price_eur_per_kwh[place]
    missing = np.unique(series.start_utc[place[np.isnan(price)]])
    if len(missing):
        period = "hour" if provenance.resolution_minutes == 60 else "quarter hour"
        plural, verb = ("", "has") if len(missing) == 1 else ("s", "have")
        raise PriceError(
            f"{len(missing)} {period}{plural} that the run needs {verb} no price: "
            f"{name_periods(missing)}; missing prices are never filled in"
        )
    return np.asarray(price)


def _moved(
    start_utc: NDArray[np.datetime64],
    time_zone: str,
    first_day: datetime.date,
    file_first_day: datetime.date,
) -> NDArray[np.datetime64]:
    """Return the moments of the file that stand for those of the run, (T,).

    Local days are mapped one to one, and within a day by the time since local midnight. Where
    only one of the two days has 23 or 25 hours, its wall clock is off by an hour after the change.
    """
    dates = _local_time(start_utc, time_zone).astype("datetime64[D]")
    shift = np.datetime64(file_first_day, "D") - np.datetime64(first_day, "D")
    since_midnight = start_utc - _local_midnight(dates, time_zone)
    return np.asarray(_local_midnight(np.asarray(dates + shift), time_zone) + since_midnight)


def _out_of_range(series: PriceSeries, needed: NDArray[np.datetime64], time_zone: str) -> str:
    """Say what the file covers, what the run needs, and which first days would do."""
    begin, end = series.provenance.first_utc, series.provenance.end_utc
    first, last = _local_time(needed[[0, -1]], time_zone).astype("datetime64[D]")
    covered = _local_time(np.array([begin, end]), time_zone)
    day = np.timedelta64(1, "D")
    earliest = covered[0].astype("datetime64[D]")
    earliest += day if covered[0] > earliest else 0 * day
    latest = covered[1].astype("datetime64[D]") - (last - first + day)
    advice = (
        f"set first_day to a day from {earliest} to {latest} to play those prices"
        if latest >= earliest
        else "the file is too short for the run, whatever first_day is set to"
    )
    return (
        f"covers {name_moment(begin)} to {name_moment(end)}, but the run needs "
        f"{name_moment(needed[0])} to {name_moment(needed[-1] + QUARTER_HOUR)}; {advice}"
    )


def _local_time(start_utc: NDArray[np.datetime64], time_zone: str) -> NDArray[np.datetime64]:
    """Return the wall clock of moments in UTC, minutes."""
    local = pd.DatetimeIndex(start_utc).tz_localize("UTC").tz_convert(time_zone)
    return np.asarray(local.tz_localize(None).to_numpy().astype("datetime64[m]"))


def _local_midnight(dates: NDArray[np.datetime64], time_zone: str) -> NDArray[np.datetime64]:
    """Return the first moment of local days, minutes, UTC."""
    local = pd.DatetimeIndex(dates.astype("datetime64[s]")).tz_localize(
        time_zone, ambiguous=np.ones(len(dates), dtype=bool), nonexistent="shift_forward"
    )
    return np.asarray(local.tz_convert(None).to_numpy().astype("datetime64[m]"))
