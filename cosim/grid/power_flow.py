"""AC power flow of a feeder, many scenarios at a time.

Fixed point on complex node voltages with a sparse factorisation of the feeder's own admittance
matrix; see `cosim.grid.power_flow_kernel`. Loads are constant power, the slack is ideal, taps are
fixed. Equal to pandapower's ``runpp`` within 1e-8 p.u. and 1e-5 percentage points of loading.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from cosim.grid.power_flow_kernel import Model, Solution, solve_blocks
from cosim.records import Floats, Integers
from cosim.results import GridState
from networks.errors import NetworkError
from networks.feeder import Feeder

KILOWATT_PER_MEGAWATT = 1000.0


class PowerFlow:
    """A feeder made ready to be solved; factorised once, at construction.

    Attributes:
        feeder: the feeder that is solved.
        model: its factorisation, in the form the compiled kernels take.
    """

    def __init__(
        self, feeder: Feeder, *, tolerance_pu: float = 1e-11, iterations_max: int = 400
    ) -> None:
        """Factorise the admittance matrix.

        Args:
            feeder: what to solve.
            tolerance_pu: a scenario is solved once no node voltage moves by more than this.
            iterations_max: a scenario that is not solved by then counts as not converged.

        Raises:
            NetworkError: where the admittance matrix has no factorisation without pivoting.
        """
        self.feeder = feeder
        self.model = _build_model(feeder, tolerance_pu, iterations_max)

    def solve(self, bus_kw: Floats, bus_kvar: Floats) -> GridState:
        """Solve B scenarios, each on its own: no scenario changes another's result by one bit.

        Args:
            bus_kw: (B, K) active power drawn at each bus, kW.
            bus_kvar: (B, K) reactive power drawn at each bus, kvar.

        Returns:
            The state. Where `converged` is False the other numbers are those of the last iterate
            and mean nothing; they may be NaN or infinite.

        Raises:
            ValueError: where a shape is not (B, K).
        """
        feeder = self.feeder
        drawn_kw = np.ascontiguousarray(bus_kw, dtype=np.float64)
        drawn_kvar = np.ascontiguousarray(bus_kvar, dtype=np.float64)
        wanted = (drawn_kw.shape[0] if drawn_kw.ndim else 0, feeder.bus_count)
        if drawn_kw.shape != wanted or drawn_kvar.shape != wanted:
            message = (
                f"bus_kw {drawn_kw.shape} and bus_kvar {drawn_kvar.shape} must both be "
                f"(scenarios, {feeder.bus_count} buses)"
            )
            raise ValueError(message)
        count = len(drawn_kw)
        solution = Solution(
            np.empty((count, feeder.node_count), np.complex128),
            np.empty((count, feeder.bus_count)),
            np.empty((count, feeder.branch_count)),
            np.empty(count),
            np.empty(count),
            np.empty(count, np.bool_),
            np.empty(count, np.int64),
        )
        solve_blocks(self.model, drawn_kw, drawn_kvar, solution)
        fixed_kw = float(feeder.fixed_injection_pu.real.sum()) * self.model.base_kw
        return GridState(
            node_voltage_pu=solution.node_voltage_pu,
            voltage_pu=solution.voltage_pu,
            loading_percent=solution.loading_percent,
            slack_kw=solution.slack_kw,
            slack_kvar=solution.slack_kvar,
            loss_kw=solution.slack_kw + fixed_kw - drawn_kw.sum(axis=1),
            converged=solution.converged,
            iterations=solution.iterations,
        )


def _build_model(feeder: Feeder, tolerance_pu: float, iterations_max: int) -> Model:
    """Factorise and bring everything into elimination order, the slack last."""
    count, slack = feeder.node_count, feeder.slack_node
    others = np.delete(np.arange(count), slack)
    inner = feeder.admittance[others][:, others].tocsc()
    lower, upper, order = _factorise(inner, feeder.name)
    node = np.append(others[order], slack).astype(np.int64)
    position = np.empty(count, np.int64)
    position[node] = np.arange(count)

    toward_slack = feeder.admittance[others][:, [slack]].toarray()[:, 0]
    no_load = np.empty(count, np.complex128)
    no_load[others] = splu(inner).solve(-toward_slack * feeder.slack_voltage_pu)
    no_load[slack] = feeder.slack_voltage_pu
    no_load = no_load[node]
    fixed = feeder.fixed_injection_pu[node]

    pivot = 1.0 / upper.diagonal()
    below = sparse.tril(lower, -1, format="csc")
    above = sparse.triu(upper, 1, format="csr")
    rows = sparse.vstack(
        [feeder.loading_from, feeder.loading_to, feeder.admittance[[slack]]], format="csr"
    )
    return Model(
        lower_start=_integers(below.indptr),
        lower_row=_integers(below.indices),
        lower_real=_floats(below.data.real),
        lower_imag=_floats(below.data.imag),
        upper_start=_integers(above.indptr),
        upper_column=_integers(above.indices),
        upper_real=_floats(above.data.real),
        upper_imag=_floats(above.data.imag),
        pivot_real=_floats(pivot.real),
        pivot_imag=_floats(pivot.imag),
        no_load_real=_floats(no_load.real),
        no_load_imag=_floats(no_load.imag),
        node=node,
        bus_position=position[feeder.node_of_bus],
        fixed_real=_floats(fixed.real),
        fixed_imag=_floats(fixed.imag),
        row_start=_integers(rows.indptr),
        row_position=position[rows.indices],
        row_real=_floats(rows.data.real),
        row_imag=_floats(rows.data.imag),
        base_kw=feeder.base_mva * KILOWATT_PER_MEGAWATT,
        tolerance_pu=float(tolerance_pu),
        iterations_max=int(iterations_max),
    )


def _factorise(
    inner: sparse.csc_matrix, name: str
) -> tuple[sparse.csc_matrix, sparse.csc_matrix, Integers]:
    """Return L, U and `order`, with order[k] the row and column eliminated k-th.

    Diagonal pivots and a minimum-degree order: a radial feeder factorises without fill-in.
    """
    try:
        factor = splu(
            inner,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise NetworkError(_singular(name)) from error
    if not np.array_equal(factor.perm_r, factor.perm_c):
        raise NetworkError(_singular(name))
    order = np.empty(len(factor.perm_c), np.int64)
    order[factor.perm_c] = np.arange(len(factor.perm_c))
    return sparse.csc_matrix(factor.L), sparse.csc_matrix(factor.U), order


def _singular(name: str) -> str:
    return (
        f"feeder {name}: the admittance matrix cannot be factorised with diagonal pivots; every "
        "bus must hang on the slack through branches with an impedance above zero"
    )


def _floats(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


def _integers(values: Integers) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int64)
