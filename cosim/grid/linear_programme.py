"""The linear programme of trade acceptance: the only place that calls HiGHS."""

import functools
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from cosim.records import Floats

Int32s = NDArray[np.int32]

PENALTY = 1e4
"""Price of exceeding a row that nothing can satisfy, in units of the largest gain.

Rows are scaled so that their largest coefficient is one: the same price is then far above any gain
on a weak low-voltage lateral and on a stiff medium-voltage feeder.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """Solution of the programme for G groups of trades and R rows of limits."""

    accepted_kwh: Floats  # (G,)
    row_eur: Floats  # (R,) multiplier of each limit, >= 0, per unit of excess


@functools.cache
def shared_programme() -> "AcceptanceProgramme":
    """Return the programme that all decisions of this process use, one after the other."""
    return AcceptanceProgramme()


class AcceptanceProgramme:
    """A HiGHS solver, made once for many small programmes: making it costs more than a solve."""

    def __init__(self) -> None:
        """Set up the solver: silent, one thread, no presolve (it costs more than it saves)."""
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("threads", 1)

    def accept(
        self,
        value_eur: Floats,
        least_kwh: Floats,
        most_kwh: Floats,
        effect: Floats,
        room: Floats,
    ) -> Acceptance:
        """Maximise accepted value subject to ``effect @ accepted <= room``.

        Args:
            value_eur: (G,) value of a kWh of each group, EUR/kWh, > 0.
            least_kwh: (G,) least energy of each group in this step.
            most_kwh: (G,) most energy of each group in this step.
            effect: (R, G) change of each limit's excess per accepted kWh.
            room: (R,) excess still allowed.

        Returns:
            The accepted energies and the multipliers. Every row is elastic at a large price, so
            the programme always has a solution.
        """
        columns, multipliers = self.maximise(
            value_eur, (least_kwh, most_kwh), effect, room, elastic=len(room)
        )
        return Acceptance(
            accepted_kwh=np.clip(columns, least_kwh, most_kwh),
            row_eur=np.maximum(multipliers, 0.0),
        )

    def accept_evenly(
        self,
        whole_kwh: Floats,
        least_kwh: Floats,
        most_kwh: Floats,
        effect: Floats,
        room: Floats,
    ) -> Acceptance:
        """Raise the smallest accepted share as far as it goes, then the next, and so on.

        Lexicographic max-min by a sequence of programmes: the least share of the groups that are
        still free is made as large as the limits allow; those that cannot have more keep it, the
        others go on. Shares are of `whole_kwh` (G,); other arguments and result as in `accept`;
        the multipliers are those of the first programme, per unit of share.
        """
        least, most = least_kwh / whole_kwh, most_kwh / whole_kwh
        share = np.ones(len(whole_kwh))
        free = np.ones(len(whole_kwh), np.bool_)
        multipliers = np.zeros(len(room))
        for turn in range(len(whole_kwh)):
            fixed = effect[:, ~free] @ (share * whole_kwh)[~free]
            level, row_price, group_price = self._raise(
                effect[:, free] * whole_kwh[free], room - fixed, (least[free], most[free])
            )
            if turn == 0:
                multipliers = row_price
            stopped = np.flatnonzero(free)[group_price > 1e-9 * group_price.max(initial=0.0)]
            if level >= 1.0 or not len(stopped):
                break
            share[stopped] = level
            free[stopped] = False
            if not np.any(free):
                break
        return Acceptance(accepted_kwh=share * whole_kwh, row_eur=multipliers)

    def _raise(
        self, effect: Floats, room: Floats, bounds: tuple[Floats, Floats]
    ) -> tuple[float, Floats, Floats]:
        """Return (largest least share of F groups, prices of rows, prices of groups).

        `bounds` are the least and the most share (F,) of each. Columns: a share a group and the
        least of them. A group with a price above zero holds the
        least share down.
        """
        rows, count = effect.shape
        columns, prices = self.maximise(
            np.concatenate([np.zeros(count), [1.0]]),
            (np.append(bounds[0], 0.0), np.append(bounds[1], 1.0)),
            np.block([[effect, np.zeros((rows, 1))], [-np.eye(count), np.ones((count, 1))]]),
            np.concatenate([room, np.zeros(count)]),
            elastic=rows,
        )
        return (
            float(columns[count]),
            np.maximum(prices[:rows], 0.0),
            np.maximum(prices[rows:], 0.0),
        )

    def maximise(
        self,
        gain: Floats,
        bounds: tuple[Floats, Floats],
        matrix: Floats,
        room: Floats,
        *,
        elastic: int,
    ) -> tuple[Floats, Floats]:
        """Maximise ``gain @ x`` over ``least <= x <= most, matrix @ x <= room``.

        The first `elastic` rows may be exceeded at a large price. Returns x and the multipliers
        of the rows.
        """
        rows, columns = matrix.shape
        width = columns + elastic
        largest = np.abs(matrix).max(axis=1, initial=0.0)
        scale = np.where(largest > 0.0, largest, 1.0)
        # By rows: all coefficients, zeros too (sorting them out costs more than it saves), and
        # for an elastic row its own column.
        value = np.full((rows, columns + 1), -1.0)
        np.divide(matrix, scale[:, None], out=value[:, :columns])
        index = np.empty((rows, columns + 1), np.int32)
        index[:] = np.arange(columns + 1)
        index[:elastic, columns] = np.arange(columns, width)
        start = np.arange(0, rows * (columns + 1), columns + 1, dtype=np.int32)
        cost = np.full(width, -PENALTY * float(np.abs(gain).max()))
        cost[:columns] = gain
        lower, upper = np.zeros(width), np.full(width, highspy.kHighsInf)
        lower[:columns], upper[:columns] = bounds[0], np.minimum(bounds[1], highspy.kHighsInf)
        if elastic < rows:
            value, index, start = _without_last(value, index, elastic)
        self._solver.passModel(
            width,
            rows,
            value.size,
            _BY_ROWS,
            _MAXIMISE,
            0.0,
            cost,
            lower,
            upper,
            np.full(rows, -highspy.kHighsInf),
            room / scale,
            start,
            index.ravel(),
            value.ravel(),
            np.zeros(width, np.int32),
        )
        self._solver.run()
        solution = self._solver.getSolution()
        return np.array(solution.col_value[:columns]), np.array(solution.row_dual) / scale


_BY_ROWS = int(highspy.MatrixFormat.kRowwise)
_MAXIMISE = int(highspy.ObjSense.kMaximize)


def _without_last(value: Floats, index: Int32s, elastic: int) -> tuple[Floats, Int32s, Int32s]:
    """Return the matrix by rows, those from `elastic` on without their last entry."""
    rows, width = value.shape
    kept = np.ones((rows, width), np.bool_)
    kept[elastic:, -1] = False
    start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))[:-1]]).astype(np.int32)
    return value[kept], index[kept], start
