"""What followers see, encoded in one pass, against the plain formulas."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.envs.follower_encoding import FIELDS, FIXED, OWN, SHARED, flexible, observe
from cosim.session import Session
from policies.baselines import TimeOfUse, WaterValue
from tests.envs.plain_observation import plainly_seen
from tests.envs.short_worlds import short_worlds
from tests.worlds import small_game, small_world

LEADER = TimeOfUse((0, 12), 0.02)


def play_and_compare(session: Session) -> None:
    """Play a run by its plans; whatever is seen on the way is what the formulas say."""
    followers = WaterValue(0.005)
    while not session.run_over:
        if session.day_over:
            session.announce(LEADER(session.leader_view()), followers)
        view = session.with_news(session.follower_view())
        seen = observe(view)
        np.testing.assert_array_equal(seen, plainly_seen(view))
        who = flexible(view.fleet)
        np.testing.assert_array_equal(observe(view, who), seen[who])
        session.trade(followers(view))


def test_every_field_is_worked_out_once() -> None:
    assert sorted([*FIXED, *SHARED, *OWN]) == sorted(FIELDS)


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 1000), passes=st.sampled_from([0, 1]), environments=st.sampled_from([1, 3])
)
def test_what_is_seen_is_what_the_formulas_say(seed: int, passes: int, environments: int) -> None:
    """Two short days, behind whose ends the longest windows reach."""
    game, world = short_worlds(environments, prosumers=7)(seed)
    play_and_compare(Session(game, world, passes=passes, bidding=False))


def test_what_is_seen_on_a_whole_day_is_what_the_formulas_say() -> None:
    world, feeder = small_world(seed=3, prosumers=6)
    play_and_compare(Session(small_game(world, feeder), world, passes=1, bidding=False))
