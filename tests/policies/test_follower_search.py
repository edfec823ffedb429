"""A search finds what saves, in worlds whose costs are known in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.records import Floats
from policies.follower_search import SEARCH_STEP, Costs, search
from policies.follower_trials import better, saving

WORLDS = np.random.default_rng(3).normal(100.0, 20.0, 24)
"""What days cost by themselves: the same for everybody who is tried."""

finite = st.floats(-1.0, 1.0).map(lambda value: round(value, 3))


def bowl(best: Floats) -> Costs:
    """Return costs with their lowest point at `best`."""
    return lambda action: np.asarray(WORLDS + 10.0 * np.square(action - best).sum())


def test_searches_with_smaller_steps_come_near_the_lowest_point() -> None:
    best = np.array([0.2, -0.15, 0.1, -1.0])
    centre = np.zeros(4)
    for number in range(8):
        found = search(bowl(best), centre, SEARCH_STEP / (1 + number))
        centre = found.action
    np.testing.assert_allclose(centre, best, atol=0.06)


def test_useful_steps_are_taken_together_and_their_saving_is_told() -> None:
    best = np.array([0.1, 0.0, -0.1, 0.5])
    found = search(bowl(best), np.zeros(4), SEARCH_STEP)
    np.testing.assert_array_equal(found.action, best)
    assert found.saving_eur_per_day == pytest.approx(10.0 * np.square(best).sum())
    assert found.tried == 10


@given(st.tuples(finite, finite, finite, finite))
def test_what_is_found_is_allowed_and_never_dearer_where_it_was_searched(
    best: tuple[float, ...],
) -> None:
    costs = bowl(np.array(best))
    found = search(costs, np.zeros(4), SEARCH_STEP)
    assert np.abs(found.action).max() <= 1.0
    assert costs(found.action).sum() <= costs(np.zeros(4)).sum()


def test_actions_at_their_bound_are_not_tried_beyond_it() -> None:
    found = search(bowl(np.full(4, 2.0)), np.ones(4), SEARCH_STEP)
    np.testing.assert_array_equal(found.action, np.ones(4))
    assert found.tried == 5


def test_the_same_costs_are_not_better() -> None:
    assert not better(WORLDS, WORLDS.copy())
    assert saving(WORLDS, WORLDS.copy()) == (0.0, 0.0)


def test_a_saving_in_every_world_is_found_under_days_that_differ_by_much_more() -> None:
    assert better(WORLDS - 0.5, WORLDS)
    assert not better(WORLDS + 0.5, WORLDS)


def test_followers_that_are_no_better_are_taken_in_one_of_twenty() -> None:
    draws = np.random.default_rng(5)
    taken = [better(WORLDS + draws.normal(0.0, 4.0, 24), WORLDS) for _ in range(2000)]
    assert np.mean(taken) == pytest.approx(0.05, abs=0.015)
