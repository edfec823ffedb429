"""The linear programme of trade acceptance: the only place that calls HiGHS."""

from dataclasses import dataclass

import highspy
import numpy as np

from cosim.records import Floats

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

    def accept_evenly(self, whole_kwh: Floats, effect: Floats, room: Floats) -> Acceptance:
        """Raise the smallest accepted share as far as it goes, then the next, and so on.

        Lexicographic max-min by a sequence of programmes: the least share of the groups that are
        still free is made as large as the limits allow; those that cannot have more keep it, the
        others go on. Shares are of `whole_kwh` (G,); other arguments and result as in `accept`;
        the multipliers are those of the first programme, per unit of share.
        """
        share = np.ones(len(whole_kwh))
        free = np.ones(len(whole_kwh), np.bool_)
        multipliers = np.zeros(len(room))
        for turn in range(len(whole_kwh)):
            fixed = effect[:, ~free] @ (share * whole_kwh)[~free]
            level, row_price, group_price = self._raise(
                effect[:, free] * whole_kwh[free], room - fixed
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

    def _raise(self, effect: Floats, room: Floats) -> tuple[float, Floats, Floats]:
        """Return (largest least share of F groups, prices of rows, prices of groups).

        Columns: a share a group and the least of them. A group with a price above zero holds the
        least share down.
        """
        rows, count = effect.shape
        columns, prices = self.maximise(
            np.concatenate([np.zeros(count), [1.0]]),
            (np.zeros(count + 1), np.ones(count + 1)),
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
        largest = np.abs(matrix).max(axis=1, initial=0.0)
        scale = np.where(largest > 0.0, largest, 1.0)
        slack = np.zeros((rows, elastic))
        np.fill_diagonal(slack, -1.0)
        whole = np.hstack([matrix / scale[:, None], slack])
        taken = whole != 0.0
        programme = highspy.HighsLp()
        programme.num_col_ = columns + elastic
        programme.num_row_ = rows
        programme.sense_ = highspy.ObjSense.kMaximize
        programme.col_cost_ = np.concatenate(
            [gain, np.full(elastic, -PENALTY * np.abs(gain).max())]
        )
        least, most = bounds
        programme.col_lower_ = np.concatenate([least, np.zeros(elastic)])
        upper = np.concatenate([most, np.full(elastic, np.inf)])
        programme.col_upper_ = np.where(np.isinf(upper), highspy.kHighsInf, upper)
        programme.row_lower_ = np.full(rows, -highspy.kHighsInf)
        programme.row_upper_ = room / scale
        programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        programme.a_matrix_.start_ = np.concatenate([[0], np.cumsum(taken.sum(axis=1))])
        programme.a_matrix_.index_ = np.nonzero(taken)[1].astype(np.int32)
        programme.a_matrix_.value_ = whole[taken]
        self._solver.passModel(programme)
        self._solver.run()
        solution = self._solver.getSolution()
        return np.array(solution.col_value[:columns]), np.array(solution.row_dual) / scale
