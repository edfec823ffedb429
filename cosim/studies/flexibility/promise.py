"""What an aggregator can promise when a request is called: played on forecasts, judged by the grid.

The declared baseline is the rest of the day played on forecasts from where the stores are at the
call, with what the grid would refuse left out: who declared more could be paid for power that
limits would have held back anyway. Around it devices can move as far as they can hold for the whole
of the request; of that the grid takes a part in each interval, and the least of the parts is what
can be promised.
"""

from dataclasses import dataclass, replace

import numpy as np

from cosim.grid.validation import Surroundings, at_buses, validate
from cosim.interval import bid_and_clear, deliver, surroundings
from cosim.prosumers.devices import advance
from cosim.records import Floats, Intentions
from cosim.results import Dispatch, Reason
from cosim.run_columns import element_texts
from cosim.scoring.flexibility import Baseline, sustained
from cosim.session import Session
from cosim.studies.flexibility.offers import feasible_part
from cosim.studies.flexibility.records import Case, Planned
from cosim.studies.flexibility.requests import request_text

PARTS_KW = 1e-3
"""What is nearer to the power asked for is all of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Promise:
    """The answer to a request."""

    asked_kw: float
    device_kw: float  # what devices can hold for as long as is asked
    feasible_kw: float  # what the grid takes of it in every interval
    accepted_kw: float
    reason: str  # in words, "" where accepted as asked
    nearest: str  # the nearest request that would be accepted, "" likewise
    declared_kw: Floats  # (W,) expected of the community in the window
    first: int  # interval of `declared_rest_kw`'s first entry: that of the call
    declared_rest_kw: Floats  # (R,) expected from the call to the end of the day

    @property
    def verdict(self) -> str:
        """Whether it is accepted, in a word or two."""
        if not self.reason:
            return "accepted"
        return "partly accepted" if self.accepted_kw > 0.0 else "refused"


def promise(case: Case, session: Session, planned: Planned) -> Promise:
    """Return what is promised on a request that is called before the next interval of `session`."""
    game, forecast = case.game, case.world.forecast
    request, row = planned.request, planned.start - planned.call
    passage = rehearsed(case, session)
    dispatched = passage.dispatched
    baseline = Baseline(
        told="declared baseline: played on forecasts at the call",
        first_interval=planned.call,
        state=session.state,
        devices=Intentions(
            battery_kw=np.stack([each.battery_kw for each in dispatched]),
            vehicle_kw=np.stack([each.vehicle_kw for each in dispatched]),
            heat_pump_kw=np.stack([each.heat_pump_kw for each in dispatched]),
        ),
        solar_kw=np.stack([each.pv_kw for each in dispatched]),
        curtailed_kw=np.stack([each.curtailed_kw for each in dispatched]),
    )
    found = sustained(
        game.fleet,
        baseline,
        forecast,
        window_h=planned.width * game.interval_h,
        interval_h=game.interval_h,
        starts=row + 1,
    )
    held = (found.up_kw if request.direction == "up" else found.down_kw)[row, 0]
    window = slice(row, row + planned.width)
    drawn = [
        at_buses(around, done.net_kw * game.interval_h)[0]
        for around, done in zip(passage.around[window], dispatched[window], strict=True)
    ]
    part = feasible_part(
        game.power_flow,
        game.fleet.bus[0],
        np.repeat(held[None], planned.width, axis=0),
        request.direction,
        (np.stack(drawn), np.stack([each.kvar[0] for each in passage.around[window]])),
    )
    tightest = int(np.argmin(part.total_kw))
    device, feasible = float(held.sum()), float(part.total_kw[tightest])
    asked = request.share * feasible if request.power_kw is None else request.power_kw
    accepted = min(asked, feasible)
    reason = nearest = ""
    if accepted < asked - PARTS_KW or feasible <= PARTS_KW:
        accepted = accepted if feasible > PARTS_KW else 0.0
        element = element_texts(
            part.reason[tightest : tightest + 1],
            part.element[tightest : tightest + 1],
            game.power_flow.feeder,
        )[0]
        reason = _reason(device, feasible, Reason(part.reason[tightest]), str(element))
        nearest = request_text(request, np.floor(feasible * 1000.0) / 1000.0)
    declared = np.array([float(done.net_kw[0].sum()) for done in dispatched])
    return Promise(
        asked_kw=asked,
        device_kw=device,
        feasible_kw=feasible,
        accepted_kw=accepted,
        reason=reason,
        nearest=nearest,
        declared_kw=declared[window],
        first=planned.call,
        declared_rest_kw=declared,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """The rest of a day played on forecasts, as the grid would let it be."""

    around: tuple[Surroundings, ...]
    dispatched: tuple[Dispatch, ...]


def rehearsed(case: Case, session: Session) -> Rehearsal:
    """Return the rest of the day of `session` played on forecasts, verdicts of the grid in it."""
    game, view, forecast = case.game, session.follower_view(), case.world.forecast
    day, state = view.day, session.state
    around, dispatched = [], []
    for now in range(state.interval, day.first_interval + day.length):
        action = case.policies.followers(replace(view, state=state, now=forecast))
        bids = bid_and_clear(game, state, forecast, day, action)
        here = surroundings(game, forecast, now)
        judged = validate(game.power_flow, here, bids.offered, bids.clearing, rule=game.rule)
        done = deliver(game, bids.orders, bids.limits, judged.net_kwh, forecast, now)
        around.append(here)
        dispatched.append(done)
        state = advance(game.fleet, bids.state, forecast, done, interval_h=game.interval_h)
    return Rehearsal(tuple(around), tuple(dispatched))


def _reason(device: float, feasible: float, limit: Reason, element: str) -> str:
    """Return in words why no more can be promised."""
    if feasible >= device - PARTS_KW:
        return f"devices can hold {device:.3f} kW for that long, no more"
    what = limit.name.lower().replace("_", " ")
    return (
        f"devices could hold {device:.3f} kW, the grid takes {feasible:.3f} kW of it: {what} at "
        f"{element}"
    )
