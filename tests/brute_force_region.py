"""The feasible operating region the hard way: angle by angle, radius by radius.

At every trial point of every ray a bounded least-squares solver looks for set-points that give
exactly that slack power and break no limit. It shares nothing with the sweep but the power flow.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from cosim.grid import limits
from cosim.grid.power_flow import PowerFlow
from cosim.grid.sensitivities import slopes_of_many
from cosim.grid.sensitivity_targets import Quantity, targets_of
from cosim.records import Floats, Integers

CLOSE = 1e-5
"""Residual (p.u., share of rating, or of the size of the box) that still counts as reached."""


@dataclass(eq=False)
class BruteForce:
    """Providers that are boxes, and what is drawn besides them."""

    power_flow: PowerFlow
    bus: Integers  # (N,)
    least: Floats  # (2 N,) kW, then kvar
    most: Floats  # (2 N,)
    fixed_kw: Floats  # (K,)
    fixed_kvar: Floats  # (K,)
    power_flows: int = 0

    def solve(self, x: Floats) -> tuple[Floats, Floats]:
        """Return slack power (S, 2) and excess (S, E) at set-points (S, 2 N)."""
        kw, kvar = self._bus_powers(x)
        state = self.power_flow.solve(kw, kvar)
        self.power_flows += len(x)
        slack = np.stack([state.slack_kw, state.slack_kvar], axis=1)
        return slack, limits.excess(self.power_flow.feeder, state)

    def corner_samples(self, count: int, seed: int) -> tuple[Floats, Floats]:
        """Return slack power and excess at random corners of the box."""
        draws = np.random.default_rng(seed).random((count, len(self.least))) < 0.5
        return self.solve(np.where(draws, self.least, self.most))

    def reach(self, base: Floats, angles: int, halvings: int) -> Floats:
        """Return the farthest feasible slack power (angles, 2) on rays from that of `base`."""
        centre = self.solve(base[None])[0][0]
        far = float(np.abs(self.most - self.least).sum())
        found = np.empty((angles, 2))
        for at in range(angles):
            angle = 2.0 * np.pi * at / angles
            direction = np.array([np.cos(angle), np.sin(angle)])
            low, high, x, last = 0.0, far, base, base
            for _ in range(halvings):
                middle = 0.5 * (low + high)
                aim = centre + middle * direction
                for start in (x, last):
                    trial, residual = self._aim(aim, start, far)
                    if residual < CLOSE:
                        break
                if residual < CLOSE:
                    low, x = middle, trial
                else:
                    high, last = middle, trial
            found[at] = centre + low * direction
        return found

    def _bus_powers(self, x: Floats) -> tuple[Floats, Floats]:
        count = len(self.bus)
        kw = np.repeat(self.fixed_kw[None], len(x), axis=0)
        kvar = np.repeat(self.fixed_kvar[None], len(x), axis=0)
        for n in range(count):
            kw[:, self.bus[n]] += x[:, n]
            kvar[:, self.bus[n]] += x[:, count + n]
        return kw, kvar

    def _aim(self, aim: Floats, start: Floats, scale: float) -> tuple[Floats, float]:
        """Return set-points that come closest to a slack power inside the limits, and how close."""
        span = self.most - self.least

        def residual(share: Floats) -> Floats:
            slack, excess = self.solve((self.least + share * span)[None])
            if not np.all(np.isfinite(excess)):
                return np.full(2 + excess.shape[1], 10.0)
            return np.concatenate([(slack[0] - aim) / scale, np.maximum(excess[0], 0.0)])

        def slope(share: Floats) -> Floats:
            return self._slopes(self.least + share * span, scale) * span

        inside = np.clip((start - self.least) / span, 1e-3, 1.0 - 1e-3)
        answer = least_squares(
            residual, inside, jac=slope, bounds=(0.0, 1.0), max_nfev=25, ftol=1e-10, xtol=1e-10
        )
        return self.least + answer.x * span, float(np.abs(answer.fun).max())

    def _slopes(self, x: Floats, scale: float) -> Floats:
        """Return the Jacobian of the residual (2 + E, 2 N)."""
        feeder = self.power_flow.feeder
        kw, kvar = self._bus_powers(x[None])
        state = self.power_flow.solve(kw, kvar)
        excess = limits.excess(feeder, state)[0]
        found = np.zeros((2 + len(excess), len(x)))
        if not np.all(np.isfinite(excess)):
            return found
        row = np.flatnonzero(excess > 0.0)
        voltage, buses = row < 2 * feeder.bus_count, feeder.bus_count
        quantity = np.where(voltage, Quantity.VOLTAGE, Quantity.LOADING)
        targets = targets_of(
            0,
            np.concatenate([[Quantity.SLACK_KW, Quantity.SLACK_KVAR], quantity]),
            np.concatenate([[0, 0], np.where(voltage, row % buses, row - 2 * buses)]),
        )
        rows = slopes_of_many(self.power_flow, state.node_voltage_pu, kw, kvar, targets)
        sign = np.where(voltage, np.where(row < buses, 1.0, -1.0), 1.0 / limits.PERCENT)
        unit = np.concatenate([[1.0 / scale, 1.0 / scale], sign])[:, None]
        both = np.hstack([rows.per_kw[:, self.bus], rows.per_kvar[:, self.bus]])
        found[np.concatenate([[0, 1], 2 + row])] = unit * both
        return found
