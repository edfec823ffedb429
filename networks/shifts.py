"""Shifted copies of a profile: the same kind of home, but not the same minute.

Five household profiles stand for hundreds of homes. Copies that keep step would peak together,
so each is shifted by whole weeks and a few quarter hours: season, weekday and time of day stay,
coincidence falls (1.21 kW to 0.67 kW per home at 100 homes).
"""

import numpy as np

from networks.simbench_profiles import Floats, Integers, Singles, YearProfiles

WEEKS = range(-3, 4)
QUARTERS = range(-2, 3)
SHIFT_COUNT = len(WEEKS) * len(QUARTERS)
OFFSETS = np.array([week * 7 * 96 + quarter for week in WEEKS for quarter in QUARTERS])
"""Wall quarters by which the copy of each shift comes later."""

UNSHIFTED = SHIFT_COUNT // 2


def shifted_rows(profiles: YearProfiles, shift: Integers, rows: Integers) -> Integers:
    """Return where the copies of `shift` (X,) find their values for `rows` (R,): (X, R).

    Shifts are in local time, so that a copy from the other side of the change to summer time
    keeps its hours. They wrap at the year's ends.
    """
    wall = profiles.wall_quarter[rows][None, :] - OFFSETS[shift][:, None]
    return np.asarray(profiles.row_of_wall[wall % len(profiles.row_of_wall)])


def all_copies(profiles: YearProfiles, values: Singles, rows: Integers) -> Floats:
    """Return every shifted copy of every profile (P, Y) at `rows`: (P * SHIFT_COUNT, R).

    The copy of profile p with shift s is in line ``p * SHIFT_COUNT + s``.
    """
    where = shifted_rows(profiles, np.arange(SHIFT_COUNT), rows)
    copies = values[:, where].astype(np.float64)
    return np.asarray(copies.reshape(len(values) * SHIFT_COUNT, len(rows)))
