"""A direct search for constant actions of all followers: what everybody should do alike.

Near the equilibrium prices are almost the same for hours, and a small step of everybody tips whole
fleets from one hour into another. The gradient of one follower's reward, which takes prices as
given, does not see that. Costs of the whole community do, the play on forecasts included, and four
numbers are few enough to be tried: each is moved up and down in the same worlds (common random
numbers), and what saves by more than its error is done together.

Source: Glasserman and Yao, "Some guidelines and guarantees for common random numbers" (1992).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.records import Floats
from policies.follower_trials import saving

SEARCH_STEP = np.array([0.1, 0.15, 0.1, 0.5])
"""First step of each action; search k takes a (k + 1)-th of it."""

Costs = Callable[[Floats], Floats]
"""Return the costs (worlds,) of the community where all followers do one action (actions,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a search went."""

    action: Floats  # (actions,)
    saving_eur_per_day: float  # against where it began, in the worlds searched
    tried: int


def search(costs: Costs, centre: Floats, step: Floats) -> Found:
    """Return the best of `centre` (actions,), steps from it and all useful steps together."""
    kept = costs(centre)
    tried: list[tuple[float, Floats]] = [(0.0, centre)]
    together = centre.copy()
    for place in range(len(centre)):
        best = 0.0
        for sign in (1.0, -1.0):
            moved = centre.copy()
            moved[place] = np.clip(moved[place] + sign * step[place], -1.0, 1.0)
            if moved[place] == centre[place]:
                continue
            mean, error = saving(costs(moved), kept)
            tried.append((mean, moved))
            if mean > max(best, error):
                best, together[place] = mean, moved[place]
    if (together != centre).sum() > 1:
        tried.append((saving(costs(together), kept)[0], together))
    gained, action = max(tried, key=lambda each: each[0])
    return Found(action, gained, len(tried))
