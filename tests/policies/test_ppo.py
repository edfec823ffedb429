"""The learner: its estimates, what it leaves out, that it learns, and that it repeats."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import PolicyError
from policies.ppo import ActorCritic, Batch, Learner, PpoSettings, advantages

SETTINGS = PpoSettings(hidden=16, learning_rate=3e-3)


def some_batch(
    policy: ActorCritic, *, steps: int = 4, agents: int = 32, seed: int = 0, reward: float = 1.0
) -> Batch:
    """Return what `policy` does where anything may be seen; sums of actions are rewarded."""
    draws = np.random.default_rng(seed)
    seen = draws.normal(size=(steps, agents, policy.observations)).astype(np.float32)
    action, density, value = policy.sample(seen, torch.Generator().manual_seed(seed))
    return Batch(
        observation=seen,
        action=action,
        log_probability=density,
        value=value,
        reward=(reward * action.sum(axis=2)).astype(np.float32),
        alive=draws.random((steps, agents)) < 0.8,
    )


def learner(seed: int = 0, settings: PpoSettings = SETTINGS) -> Learner:
    torch.manual_seed(seed)
    return Learner(ActorCritic(3, 2, hidden=settings.hidden), settings, seed=seed)


def weights(of: Learner) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in of.policy.state_dict().items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@given(
    steps=st.integers(1, 9),
    discount=st.sampled_from([0.0, 0.9, 1.0]),
    gae_lambda=st.sampled_from([0.0, 0.8, 1.0]),
    seed=st.integers(0, 1000),
)
def test_advantages_are_discounted_sums_of_surprises(
    steps: int, discount: float, gae_lambda: float, seed: int
) -> None:
    draws = np.random.default_rng(seed)
    value, reward = draws.normal(size=(2, steps, 3)).astype(np.float32)
    nothing = np.zeros((steps, 3, 1), np.float32)
    batch = Batch(nothing, nothing, value, value, reward, np.ones((steps, 3), np.bool_))
    found = advantages(batch, 2.0, discount=discount, gae_lambda=gae_lambda)
    behind = np.concatenate([value[1:], np.zeros((1, 3))])  # the last step is an end
    surprise = reward / 2.0 + discount * behind - value
    for t in range(steps):
        decay = (discount * gae_lambda) ** np.arange(steps - t)
        np.testing.assert_allclose(found[t], decay @ surprise[t:], rtol=1e-4, atol=1e-5)


def test_with_lambda_one_advantages_are_returns_less_values() -> None:
    batch = some_batch(learner().policy)
    found = advantages(batch, 1.0, discount=1.0, gae_lambda=1.0)
    returns = batch.reward[::-1].cumsum(axis=0)[::-1]
    np.testing.assert_allclose(found, returns - batch.value, rtol=1e-4, atol=1e-5)


def test_agents_that_take_no_part_change_nothing() -> None:
    first, second = learner(), learner()
    batch = some_batch(first.policy)
    away = np.broadcast_to(np.arange(32) % 5 == 0, (4, 32))
    batch = replace(batch, alive=~away)
    spoilt = {
        name: np.where(
            away[..., None] if getattr(batch, name).ndim == 3 else away,
            np.float32(np.nan),
            getattr(batch, name),
        )
        for name in ("observation", "action", "log_probability", "value", "reward")
    }
    told = first.update(batch, done=0.0)
    assert told == second.update(replace(batch, **spoilt), done=0.0)
    assert same(weights(first), weights(second))
    third = learner()
    third.update(replace(batch, alive=np.ones_like(away)), done=0.0)
    assert not same(weights(first), weights(third))


def test_the_same_seed_gives_the_same_parameters_and_another_does_not() -> None:
    results = []
    for seed in (0, 0, 1):
        each = learner(seed)
        for number in range(3):
            each.update(some_batch(each.policy, seed=number), done=0.1 * number)
        results.append(weights(each))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_a_contextual_bandit_is_learned() -> None:
    """One step; what is best to do is a line in what is seen."""
    each = learner(settings=replace(SETTINGS, learning_rate=1e-2))
    draws, noise = np.random.default_rng(0), torch.Generator().manual_seed(0)
    turn = np.array([[0.5, -0.3], [0.2, 0.4], [-0.4, 0.1]], np.float32)

    def loss(action: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.asarray(((action - seen @ turn) ** 2).sum(axis=-1))

    trial = draws.uniform(-1.0, 1.0, (500, 3)).astype(np.float32)
    before = loss(each.policy.best(trial), trial).mean()
    for number in range(40):
        seen = draws.uniform(-1.0, 1.0, (1, 256, 3)).astype(np.float32)
        action, density, value = each.policy.sample(seen, noise)
        alive = np.ones((1, 256), np.bool_)
        reward = -loss(action, seen).astype(np.float32)
        each.update(Batch(seen, action, density, value, reward, alive), done=number / 40)
    assert loss(each.policy.best(trial), trial).mean() < 0.05 * before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["observation", "action", "reward", "value"])
def test_what_is_not_a_number_is_named_and_nothing_is_learned(name: str, bad: float) -> None:
    each = learner()
    batch = some_batch(each.policy)
    batch.alive[2, 5] = True
    getattr(batch, name)[2, 5] = bad
    before = weights(each)
    with pytest.raises(PolicyError, match=rf"{name} values are not finite.*\[2, 5") as caught:
        each.update(batch, done=0.0)
    assert len(caught.value.problems) == 1
    assert same(before, weights(each))
    assert each.reward_scale is None


def test_all_that_is_not_a_number_is_told_at_once() -> None:
    each = learner()
    batch = some_batch(each.policy)
    batch.alive[:] = True
    batch.reward[0, 0] = batch.value[1, 1] = np.nan
    with pytest.raises(PolicyError) as caught:
        each.update(batch, done=0.0)
    assert len(caught.value.problems) == 2


def test_a_loss_that_is_no_number_is_told_with_the_rate() -> None:
    each = learner()
    batch = some_batch(each.policy)
    batch.log_probability[:] = -np.inf  # as if what was done had been impossible
    with pytest.raises(PolicyError, match=r"loss became .* learning_rate than 0\.003"):
        each.update(batch, done=0.0)


def test_a_batch_without_anybody_is_refused() -> None:
    each = learner()
    batch = some_batch(each.policy)
    with pytest.raises(PolicyError, match="nobody takes part"):
        each.update(replace(batch, alive=np.zeros_like(batch.alive)), done=0.0)


def test_rewards_keep_the_scale_of_the_first_batch() -> None:
    each = learner()
    first = some_batch(each.policy)
    each.update(first, done=0.0)
    scale = each.reward_scale
    assert scale == pytest.approx(float(first.reward[first.alive].std()))
    each.update(some_batch(each.policy, seed=1, reward=100.0), done=0.1)
    assert each.reward_scale == scale


def test_a_hundred_times_the_reward_teaches_the_same() -> None:
    results = []
    for reward in (1.0, 128.0):
        each = learner()
        each.update(some_batch(each.policy, reward=reward), done=0.0)
        results.append(weights(each))
    for name, values in results[0].items():
        torch.testing.assert_close(values, results[1][name], rtol=1e-4, atol=1e-5)


def test_the_rate_falls_to_zero() -> None:
    each = learner()
    before = weights(each)
    each.update(some_batch(each.policy), done=1.0)
    assert same(before, weights(each))


@pytest.mark.parametrize("stored", [False, True])
def test_learning_goes_on_bit_for_bit_from_a_state(stored: bool) -> None:
    first = learner()
    first.update(some_batch(first.policy), done=0.0)
    state = first.state()
    if stored:
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
    first.update(some_batch(first.policy, seed=1), done=0.3)
    second = learner(seed=7)
    second.restore(state)
    second.update(some_batch(second.policy, seed=1), done=0.3)
    assert same(weights(first), weights(second))
    assert first.reward_scale == second.reward_scale
