"""Nobody takes the place of fictitious play without being better in the same worlds."""

import numpy as np
import pytest
import torch

from policies.baselines import WaterValue
from policies.follower_selection import Selection, trial_starts
from policies.follower_training import FollowerTrainer
from policies.follower_trials import Trials
from policies.prosumer import LearnedFollowers
from tests.policies.tiny_training import FOLLOWERS, four_homes, judge_little


@pytest.fixture
def selection(monkeypatch: pytest.MonkeyPatch) -> Selection:
    judge_little(monkeypatch)
    scenario, feeder = four_homes()
    days = [day for day, _ in trial_starts()]
    return Selection(FollowerTrainer(scenario, feeder, days, FOLLOWERS, seed=1), passes=1)


def worlds_of(selection: Selection) -> Trials:
    return selection._prepared(trial_starts())


def test_it_begins_with_fictitious_play_itself(selection: Selection) -> None:
    worlds = worlds_of(selection)
    begun = worlds.costs(selection.trainer.followers)
    np.testing.assert_array_equal(begun, worlds.costs(WaterValue(0.005)))


def test_worlds_can_be_played_again_and_followers_in_them_differ(selection: Selection) -> None:
    worlds = worlds_of(selection)
    bold = LearnedFollowers(selection.trainer.learner.policy, 0.005)
    once = worlds.costs(bold)
    selection.trainer.learner.policy.set_constant([0.0, 0.0, 0.0, 1.0])
    assert not np.array_equal(worlds.costs(bold), once)
    selection.trainer.learner.policy.set_constant([0.0] * 4)
    np.testing.assert_array_equal(worlds.costs(bold), once)


def test_the_network_acts_alike_whether_it_is_asked_or_known_to_say_the_same(
    selection: Selection,
) -> None:
    worlds, policy = worlds_of(selection), selection.trainer.learner.policy
    policy.set_constant([0.5, 0.0, 0.0, -1.0])
    known = worlds.costs(selection.trainer.followers)
    with torch.no_grad():
        policy.state_dict()["actor.4.weight"][0, 0] = 1e-30
    assert policy.constant() is None
    np.testing.assert_allclose(worlds.costs(selection.trainer.followers), known, atol=1e-9)


def test_worse_followers_are_not_kept_and_better_ones_are(
    selection: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = iter([np.array([5.0, 6.0]), np.array([6.0, 7.1]), np.array([4.0, 5.1])])
    monkeypatch.setattr(Trials, "costs", lambda *_: next(costs))
    begun = selection.kept["actor.4.bias"].clone()
    policy = selection.trainer.learner.policy
    policy.set_constant([0.1, 0.2, 0.3, 0.4])
    assert selection.attempt()["taken"] == 0.0
    selection.settle()
    assert torch.equal(policy.state_dict()["actor.4.bias"], begun)
    policy.set_constant([0.4, 0.3, 0.2, 0.1])
    assert selection.attempt()["taken"] == 1.0
    selection.settle()
    assert policy.constant() == pytest.approx([0.4, 0.3, 0.2, 0.1])
