"""The linear programme of trade acceptance: the only place that calls HiGHS."""

from dataclasses import dataclass

import highspy
import numpy as np

from cosim.records import Floats

PENALTY_EUR = 1e5
"""Price of a unit of excess (1 p.u. or 100 % of a rating) that no acceptance can avoid."""


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
        self, value_eur: Floats, most_kwh: Floats, effect: Floats, room: Floats
    ) -> Acceptance:
        """Maximise accepted value subject to ``effect @ accepted <= room``.

        Args:
            value_eur: (G,) value of a kWh of each group, EUR/kWh, > 0.
            most_kwh: (G,) cleared energy of each group.
            effect: (R, G) change of each limit's excess per accepted kWh.
            room: (R,) excess still allowed.

        Returns:
            The accepted energies and the multipliers. Every row is elastic at a large price, so
            the programme always has a solution.
        """
        groups = len(value_eur)
        self._solver.passModel(_programme(value_eur, most_kwh, effect, room))
        self._solver.run()
        solution = self._solver.getSolution()
        return Acceptance(
            accepted_kwh=np.clip(np.array(solution.col_value[:groups]), 0.0, most_kwh),
            row_eur=np.maximum(np.array(solution.row_dual), 0.0),
        )


def _programme(
    value_eur: Floats, most_kwh: Floats, effect: Floats, room: Floats
) -> highspy.HighsLp:
    """Return the programme: columns are the groups and a slack a row."""
    rows, groups = effect.shape
    programme = highspy.HighsLp()
    programme.num_col_ = groups + rows
    programme.num_row_ = rows
    programme.sense_ = highspy.ObjSense.kMaximize
    programme.col_cost_ = np.concatenate([value_eur, np.full(rows, -PENALTY_EUR)])
    programme.col_lower_ = np.zeros(groups + rows)
    programme.col_upper_ = np.concatenate([most_kwh, np.full(rows, highspy.kHighsInf)])
    programme.row_lower_ = np.full(rows, -highspy.kHighsInf)
    programme.row_upper_ = room
    matrix = np.hstack([effect, -np.eye(rows)])
    taken = matrix != 0.0
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_ = np.concatenate([[0], np.cumsum(taken.sum(axis=1))])
    programme.a_matrix_.index_ = np.nonzero(taken)[1].astype(np.int32)
    programme.a_matrix_.value_ = matrix[taken]
    return programme
