"""What one follower could gain by acting otherwise: two figures, measured on a few of them.

*Forecast exploitability*: by moving one device otherwise in the game that all believe they play,
where everything comes out as forecast; it may move the price, and knows what followers know.
*Hindsight regret*: by knowing the prices that came about, at which it may trade any amount; it
holds the value of knowing the future.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cosim.game import Game
from cosim.records import Floats, Signal, World
from cosim.simulation import Policies
from cosim.studies.statistics import Ratio

LEAST_SAVING_EUR: Final = 0.10
"""Where all that are looked at together save less, there is nothing to take a share of."""

EXPLOITABILITY, GAIN, REGRET = (
    "exploitability_percent",
    "deviation_gain_eur_per_day",
    "hindsight_regret_percent",
)
WORDS: Final = (
    "Forecast exploitability: the days are played with everything coming out as forecast and no "
    "grid looking at them; then one prosumer at a time moves its battery or its vehicle "
    "otherwise, all others bidding as they did. It moves the price, and knows forecasts, announced "
    "prices and bids, nothing else. Its gain, in percent of what its devices save it there. In an "
    "equilibrium of that game it is zero.",
    "Hindsight regret: what the same prosumers could have saved more at the prices that really "
    "came about, in percent of the most that their devices could have saved there. It holds the "
    "value of knowing the future, so it is not zero for the best bidder.",
)
"""What the two figures are."""


@dataclass(frozen=True, slots=True, eq=False)
class Happened:
    """What a play left that hindsight needs."""

    signal: Signal  # (T, B) announced
    local_eur_per_kwh: Floats  # (T, B) NaN where nobody traded locally
    prosumer_cost_eur: Floats  # (B, N) paid, plus wear, less what open positions gained


@dataclass(frozen=True, slots=True, eq=False)
class Incentives:
    """Sums over the prosumers looked at, (B,) each, EUR."""

    prosumers: int  # how many
    gain_eur: Floats  # alone, on forecasts
    saving_eur: Floats  # of their devices there
    regret_eur: Floats  # in hindsight
    most_saving_eur: Floats  # that their devices could have saved there


@dataclass(frozen=True, slots=True)
class Probe:
    """How incentives of a way to play are measured."""

    prosumers_max: int  # looked at
    measure: Callable[[Game, World, Policies, Happened], Incentives]


def incentive_ratios(found: Sequence[Incentives | None], days: Floats) -> dict[str, Ratio]:
    """Return what the figures are made of, (seeds, strata); nothing where they were not measured.

    `days` (seeds, strata) is how many a stratum has.
    """
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return {}

    def each(name: str) -> Floats:
        return np.stack([getattr(it, name) for it in known], axis=1)

    gain, regret = each("gain_eur"), each("regret_eur")
    count = np.array([float(it.prosumers) for it in known])
    return {
        EXPLOITABILITY: Ratio(100.0 * gain, _of_something(each("saving_eur"))),
        GAIN: Ratio(gain, days * count),
        REGRET: Ratio(100.0 * regret, _of_something(each("most_saving_eur"))),
    }


def _of_something(saving_eur: Floats) -> Floats:
    """Return savings (seeds, strata), zero in seeds that save next to nothing over all strata."""
    some = saving_eur.sum(axis=1, keepdims=True) >= LEAST_SAVING_EUR
    return np.where(some, saving_eur, 0.0)
