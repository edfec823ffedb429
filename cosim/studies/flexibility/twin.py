"""The days as played without any activation: what everything else is held against."""

from collections.abc import Iterable

import numpy as np

from cosim.results import IntervalRecord
from cosim.session import Session
from cosim.simulation import Policies, lead, lead_again
from cosim.studies.flexibility.records import Case, PlayedDay


class Twin:
    """Plays the days of a case one after the other and keeps those that are still needed."""

    def __init__(self, case: Case, calls: Iterable[int]) -> None:
        """Stand before the first day; sessions are kept as they stand before intervals `calls`."""
        self._case = case
        self._wanted = frozenset(calls)
        self._session = Session(case.game, case.world, passes=case.policies.passes)
        self._days: dict[int, PlayedDay] = {}
        self._calls: dict[int, Session] = {}

    @property
    def count(self) -> int:
        """Number of days of the run."""
        return len(self._case.world.calendar.day_start) - 1

    @property
    def oldest(self) -> int:
        """The first day that is still kept, or is next to be played."""
        return min(self._days, default=self._session.day_number)

    def day(self, number: int) -> PlayedDay:
        """Return a day; days behind the one before it are dropped."""
        while number not in self._days:
            day = self._play()
            self._days[day.number] = day
        return self._days[number]

    def at(self, call: int) -> Session:
        """Return a session of its own that stands before the interval `call` of a played day."""
        return self._calls[call].fork()

    def drop_before(self, number: int) -> None:
        """Forget days before `number`, and the sessions in them."""
        first = int(self._case.world.calendar.day_start[number])
        self._days = {key: day for key, day in self._days.items() if key >= number}
        self._calls = {call: held for call, held in self._calls.items() if call >= first}

    def _play(self) -> PlayedDay:
        session, policies = self._session, self._case.policies
        number, start = session.day_number, session.state
        lead(session, policies)
        records: list[IntervalRecord] = []
        while session.day is not None:
            if session.state.interval in self._wanted:
                self._calls[session.state.interval] = session.fork()
            signal, bid = session.day.signal, session.bid
            records.append(play_interval(session, policies))
        sold = np.zeros(len(records)) if bid is None else bid.validated_kwh[:, 0]
        return PlayedDay(number, records[0].interval, start, signal, tuple(records), sold)


def play_interval(session: Session, policies: Policies) -> IntervalRecord:
    """Play the next interval; a new day is announced first where one begins."""
    if session.day_over:
        lead(session, policies)
    record = session.trade(policies.followers(session.follower_view()))
    lead_again(session, policies)
    return record
