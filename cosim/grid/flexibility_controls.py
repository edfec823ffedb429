"""What providers of flexibility can be asked to do, as columns of a programme.

A provider draws active power between two bounds and reactive power between two bounds, may be
limited in apparent power, or keeps a fixed ratio of reactive to active power. Providers at one bus
that are limited by boxes alone share their columns: the sum of boxes is a box, and the grid feels
nothing but the sum. A limit of apparent power is a polygon inside the circle.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.records import Floats, Integers

FACETS: Final = 16
"""Sides of the polygon that stands for a limit of apparent power; its corners lie on the circle."""

SLACK_KW: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Providers:
    """N providers in T intervals; power drawn > 0.

    `base_kw` and `base_kvar` are what they do at the base point: nothing, or the schedule that a
    market has committed them to.
    """

    bus: Integers  # (N,) bus position
    least_kw: Floats  # (T, N) most that can be fed in, as a negative number
    most_kw: Floats  # (T, N)
    base_kw: Floats  # (T, N) least <= base <= most
    least_kvar: Floats  # (T, N)
    most_kvar: Floats  # (T, N)
    base_kvar: Floats  # (T, N)
    most_kva: Floats | None = None  # (T, N) limit of apparent power; infinite or None: none
    kvar_per_kw: Floats | None = (
        None  # (N,) fixed ratio, the kvar bounds then mean nothing; NaN: none
    )


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """M columns that move, each with its effect on the power drawn at a bus.

    Power drawn at the buses is that of the base point plus ``(x - base) @ onto_kw`` and
    ``@ onto_kvar``. Beside their bounds columns keep ``facet @ x <= room``.
    """

    bus: Integers  # (M,)
    kw: Floats  # (M,) kW drawn at the bus per unit of the column
    kvar: Floats  # (M,) kvar likewise
    least: Floats  # (T, M)
    most: Floats  # (T, M)
    base: Floats  # (T, M)
    facet: Floats  # (F, M)
    room: Floats  # (T, F)

    @property
    def span(self) -> Floats:
        """How far each column can move, (T, M)."""
        return self.most - self.least

    def onto(self, buses: int) -> tuple[Floats, Floats]:
        """Return the kW and the kvar at each of `buses` per unit of each column, (M, K) each."""
        columns = np.arange(len(self.bus))
        kw, kvar = np.zeros((2, len(self.bus), buses))
        kw[columns, self.bus] = self.kw
        kvar[columns, self.bus] = self.kvar
        return kw, kvar


@dataclass(frozen=True, slots=True, eq=False)
class Sharing:
    """Which columns providers stand behind: how a column's value is split over them."""

    kw_column: Integers  # (N,) -1 where the active power does not move
    kvar_column: Integers  # (N,) -1 likewise
    providers: Providers

    def split(self, controls: Controls, interval: int, x: Floats) -> tuple[Floats, Floats]:
        """Return active and reactive power (V, N) of each provider at V points `x` (V, M).

        Those who share a column use the same share of their own ranges.
        """
        given = self.providers
        span = controls.span[interval]
        part = (x - controls.least[interval]) / np.where(span > 0.0, span, 1.0)
        part = np.clip(np.where(span > 0.0, part, 0.0), 0.0, 1.0)

        def of(column: Integers, least: Floats, most: Floats, base: Floats) -> Floats:
            drawn = np.repeat(base[interval][None], len(x), axis=0)
            moves = column >= 0
            low, high = least[interval][moves], most[interval][moves]
            drawn[:, moves] = low + part[:, column[moves]] * (high - low)
            return drawn

        kw = of(self.kw_column, given.least_kw, given.most_kw, given.base_kw)
        kvar = of(self.kvar_column, given.least_kvar, given.most_kvar, given.base_kvar)
        if given.kvar_per_kw is not None:
            fixed = np.isfinite(given.kvar_per_kw)
            kvar = np.where(fixed, kw * np.where(fixed, given.kvar_per_kw, 0.0), kvar)
        return kw, kvar


def base_powers(
    providers: Providers, fixed_kw: Floats, fixed_kvar: Floats
) -> tuple[Floats, Floats]:
    """Return what is drawn at every bus at the base point, (T, K) kW and kvar."""
    kw, kvar = fixed_kw.astype(np.float64), fixed_kvar.astype(np.float64)
    for t in range(len(kw)):
        np.add.at(kw[t], providers.bus, providers.base_kw[t])
        np.add.at(kvar[t], providers.bus, _base_kvar(providers)[t])
    return kw, kvar


def controls_of(providers: Providers) -> tuple[Controls, Sharing]:
    """Return the columns that providers stand for, and who stands behind which.

    Raises:
        ValueError: where shapes differ, bounds are reversed or the base lies outside of them; all
            that was found.
    """
    check_providers(providers)
    count, intervals = len(providers.bus), len(providers.base_kw)
    ratio = np.full(count, np.nan) if providers.kvar_per_kw is None else providers.kvar_per_kw
    kva = np.full((intervals, count), np.inf) if providers.most_kva is None else providers.most_kva
    least_kw, most_kw = _ratio_bounds(providers, ratio, kva)
    limited = np.flatnonzero(np.isfinite(kva).any(axis=0) & np.isnan(ratio))
    columns = _Columns(intervals)
    kw_column, kvar_column = np.full(count, -1), np.full(count, -1)
    for n in range(count):
        own = n if n in limited else -1  # a circle of one's own cannot be shared
        bus, fixed = int(providers.bus[n]), bool(np.isfinite(ratio[n]))
        per = (1.0, float(ratio[n]) if fixed else 0.0)
        ends = least_kw[:, n], most_kw[:, n], providers.base_kw[:, n]
        if np.any(ends[1] > ends[0]):
            kw_column[n] = columns.add((bus, per, own), ends)
        ends = providers.least_kvar[:, n], providers.most_kvar[:, n], providers.base_kvar[:, n]
        if not fixed and np.any(ends[1] > ends[0]):
            kvar_column[n] = columns.add((bus, (0.0, 1.0), own), ends)
    facet, room = _facets(columns.count, kva, limited, (kw_column, kvar_column), providers)
    bounded = _with_bounds(providers, least_kw, most_kw)
    return columns.controls(facet, room), Sharing(kw_column, kvar_column, bounded)


class _Columns:
    """Columns as they are found; those with the same key are added up."""

    def __init__(self, intervals: int) -> None:
        self._key: dict[tuple[int, tuple[float, float], int], int] = {}
        self._ends: list[Floats] = []
        self._shape = (3, intervals)

    @property
    def count(self) -> int:
        return len(self._ends)

    def add(
        self, key: tuple[int, tuple[float, float], int], ends: tuple[Floats, Floats, Floats]
    ) -> int:
        if key not in self._key:
            self._key[key] = len(self._ends)
            self._ends.append(np.zeros(self._shape))
        self._ends[self._key[key]] += np.stack(ends)
        return self._key[key]

    def controls(self, facet: Floats, room: Floats) -> Controls:
        ends = np.stack(self._ends, axis=2) if self._ends else np.zeros((*self._shape, 0))
        keys = list(self._key)
        return Controls(
            bus=np.array([key[0] for key in keys], np.int64),
            kw=np.array([key[1][0] for key in keys], np.float64),
            kvar=np.array([key[1][1] for key in keys], np.float64),
            least=ends[0],
            most=ends[1],
            base=ends[2],
            facet=facet,
            room=room,
        )


def _base_kvar(providers: Providers) -> Floats:
    """Return the reactive power at the base point, (T, N)."""
    if providers.kvar_per_kw is None:
        return providers.base_kvar
    ratio = providers.kvar_per_kw
    followed = providers.base_kw * np.where(np.isfinite(ratio), ratio, 0.0)
    return np.asarray(np.where(np.isfinite(ratio), followed, providers.base_kvar))


def _ratio_bounds(providers: Providers, ratio: Floats, kva: Floats) -> tuple[Floats, Floats]:
    """Return the bounds of active power (T, N), inside the circle where the ratio is fixed."""
    size = np.sqrt(1.0 + np.where(np.isfinite(ratio), ratio, 0.0) ** 2)
    most = np.where(np.isfinite(ratio), kva / size, np.inf)
    return np.maximum(providers.least_kw, -most), np.minimum(providers.most_kw, most)


def _with_bounds(providers: Providers, least_kw: Floats, most_kw: Floats) -> Providers:
    """Return the providers with other bounds of active power."""
    return Providers(
        providers.bus,
        least_kw,
        most_kw,
        providers.base_kw,
        providers.least_kvar,
        providers.most_kvar,
        providers.base_kvar,
        providers.most_kva,
        providers.kvar_per_kw,
    )


def _facets(
    columns: int,
    kva: Floats,
    limited: Integers,
    of: tuple[Integers, Integers],
    providers: Providers,
) -> tuple[Floats, Floats]:
    """Return rows (F, M) and their room (T, F) that keep providers inside their circles."""
    angle = 2.0 * np.pi * (np.arange(FACETS) + 0.5) / FACETS
    rows, rooms = [], []
    for n in limited.tolist():
        facet = np.zeros((FACETS, columns))
        used = np.zeros((len(kva), FACETS))
        pairs = (
            (of[0][n], np.cos(angle), providers.base_kw),
            (of[1][n], np.sin(angle), providers.base_kvar),
        )
        for column, weight, base in pairs:
            if column >= 0:
                facet[:, column] = weight
            else:
                used += base[:, n, None] * weight
        side = kva[:, n, None] * np.cos(np.pi / FACETS) - used
        # A base between polygon and circle stays where it is.
        at_base = sum(base[:, n, None] * weight for column, weight, base in pairs if column >= 0)
        rows.append(facet)
        rooms.append(np.maximum(side, at_base))
    if not rows:
        return np.zeros((0, columns)), np.zeros((len(kva), 0))
    return np.concatenate(rows), np.concatenate(rooms, axis=1)


def check_providers(providers: Providers) -> None:
    """Raise ValueError with all that is wrong with the shapes, bounds and base of providers."""
    shape = np.shape(providers.base_kw)
    names = ("least_kw", "most_kw", "base_kw", "least_kvar", "most_kvar", "base_kvar", "most_kva")
    problems = [
        f"{name} has shape {np.shape(getattr(providers, name))}, needed is {shape}"
        for name in names
        if getattr(providers, name) is not None and np.shape(getattr(providers, name)) != shape
    ]
    if len(shape) != 2 or shape[1:] != np.shape(providers.bus):
        problems.append(f"base_kw {shape} must be (intervals, {len(providers.bus)} providers)")
    if not problems:
        problems = _bound_problems(providers)
    if problems:
        raise ValueError("; ".join(problems))


def _bound_problems(providers: Providers) -> list[str]:
    """Return what is wrong with the numbers."""
    problems = []
    ratio = providers.kvar_per_kw
    free = np.full(len(providers.bus), True) if ratio is None else np.isnan(ratio)
    for unit, judged in (("kw", np.full(len(free), True)), ("kvar", free)):
        least, most, base = (
            getattr(providers, f"{end}_{unit}") for end in ("least", "most", "base")
        )
        sound = (least - SLACK_KW <= base) & (base <= most + SLACK_KW) & np.isfinite(most - least)
        for t, n in np.argwhere(~sound & judged)[:5].tolist():
            problems.append(
                f"provider {n}, interval {t}: base_{unit} {base[t, n]:g} must lie in a finite "
                f"range, found {least[t, n]:g} to {most[t, n]:g}"
            )
    if providers.most_kva is not None:
        size = np.hypot(providers.base_kw, _base_kvar(providers))
        for t, n in np.argwhere(~(size <= providers.most_kva + SLACK_KW))[:5].tolist():
            problems.append(
                f"provider {n}, interval {t}: {size[t, n]:g} kVA at the base, "
                f"allowed are {providers.most_kva[t, n]:g}"
            )
    return problems
