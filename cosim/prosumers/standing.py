"""Where homes stand at the start of an interval: what they can do, and what it is worth to them."""

from dataclasses import dataclass
from functools import lru_cache

from cosim.prosumers.devices import Ranges, plug_in, ranges
from cosim.prosumers.orders import Worth, worths
from cosim.records import Exogenous, Fleet, Plan, State


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known of the devices before anybody decides."""

    state: State  # with the arrivals of the interval
    limits: Ranges
    worth: Worth


@lru_cache(maxsize=2)
def standing(
    fleet: Fleet, state: State, exogenous: Exogenous, plan: Plan, interval_h: float
) -> Standing:
    """Return where homes stand in the interval of `state`, before vehicles that arrive plug in.

    Whoever looks before it bids asks for it twice: it is worked out once for the same records.
    """
    state = plug_in(state, exogenous)
    limits = ranges(fleet, state, exogenous, interval=state.interval, interval_h=interval_h)
    return Standing(
        state, limits, worths(fleet, state, limits, exogenous, plan=plan, interval_h=interval_h)
    )
