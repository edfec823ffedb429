"""The time axis of a run: local time, and blocks of intervals where a run is long.

Long runs are drawn in blocks of intervals. A block keeps its lowest and highest value, so that
no extreme is hidden.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cosim.records import Floats, Integers
from cosim.reports.report_data import ReportData

POINTS_MAX = 1500
BLOCK_HOURS = (1, 2, 3, 4, 6, 12, 24, 48, 96, 168)
MILLISECONDS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Maps intervals to the points of a time axis."""

    local: pd.DatetimeIndex  # (T,) local time of each interval's start
    axis_start: str  # first point of the axis, without zone
    axis_title: str
    interval_h: float
    block: int  # intervals per point

    @property
    def point_h(self) -> float:
        """Length of a point in hours."""
        return self.block * self.interval_h

    @property
    def axis(self) -> dict[str, str | float]:
        """Return the x entries of a plotly trace."""
        return {"x0": self.axis_start, "dx": self.point_h * MILLISECONDS_PER_HOUR}

    @property
    def note(self) -> str:
        """Say what a point is where it is not an interval; "" otherwise."""
        if self.block == 1:
            return ""
        return (
            f" Each point stands for {self.point_h:g} h: highest and lowest values are kept, "
            "energies summed, prices and medians averaged."
        )

    def highest(self, values: Floats) -> Floats:
        """Return the highest value of each block, (P,)."""
        return np.asarray(np.fmax.reduce(self._blocks(values), axis=1))

    def lowest(self, values: Floats) -> Floats:
        """Return the lowest value of each block, (P,)."""
        return np.asarray(np.fmin.reduce(self._blocks(values), axis=1))

    def total(self, values: Floats) -> Floats:
        """Return the sum of each block, (P,)."""
        return np.asarray(np.nansum(self._blocks(values), axis=1))

    def mean(self, values: Floats) -> Floats:
        """Return the mean of each block, NaN where it has no value, (P,)."""
        blocks = self._blocks(values)
        count = np.isfinite(blocks).sum(axis=1)
        total = np.nansum(blocks, axis=1)
        mean = np.full(len(count), np.nan)
        np.divide(total, count, out=mean, where=count > 0)
        return mean

    def when(self, interval: int) -> str:
        """Return the local start of an interval, e.g. "Mon 13 Jun 14:15"."""
        return str(self.local[interval].strftime("%a %d %b %H:%M"))

    @property
    def hour(self) -> Integers:
        """Local hour of the day, (T,)."""
        return np.asarray(self.local.hour, dtype=np.int64)

    @property
    def span(self) -> str:
        """First and last day in words."""
        first, last = self.local[0], self.local[-1]
        if first.date() == last.date():
            return str(first.strftime("%d %B %Y"))
        return f"{first.strftime('%d %B %Y')} to {last.strftime('%d %B %Y')}"

    def _blocks(self, values: Floats) -> Floats:
        missing = -len(values) % self.block
        padded = np.concatenate([np.asarray(values, dtype=float), np.full(missing, np.nan)])
        return padded.reshape(-1, self.block)


def timeline_of(data: ReportData) -> Timeline:
    """Return the time axis of a run.

    The axis shows local time; where clocks change within the run it shows UTC, because an hour
    would be there twice.
    """
    utc = pd.DatetimeIndex(data.start_utc).tz_localize("UTC")
    local = utc.tz_convert(data.time_zone)
    offsets = np.unique((local.tz_localize(None) - utc.tz_localize(None)).to_numpy())
    steady = len(offsets) == 1
    shown = local[0] if steady else utc[0]
    return Timeline(
        local=local,
        axis_start=shown.strftime("%Y-%m-%d %H:%M"),
        axis_title=f"local time ({data.time_zone})" if steady else "UTC (clocks change in the run)",
        interval_h=data.interval_h,
        block=_block(data.interval_count, data.interval_h),
    )


def _block(interval_count: int, interval_h: float) -> int:
    if interval_count <= POINTS_MAX:
        return 1
    for hours in BLOCK_HOURS:
        block = max(1, round(hours / interval_h))
        if interval_count <= POINTS_MAX * block:
            return block
    return -(-interval_count // POINTS_MAX)
