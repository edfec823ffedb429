"""Proximal policy optimisation with one policy shared by many agents.

Schulman et al., "Proximal policy optimization algorithms" (arXiv 1707.06347) with generalised
advantage estimates (arXiv 1506.02438). What is particular: a batch is a rectangle of `T` steps
times `M` agents, all acting by the same parameters; agents that take no part are left out of every
statistic and loss; rewards are divided by the spread of the first batch, and by that for good,
because a scale that drifts changes the goal while it is pursued.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cosim.errors import PolicyError
from policies.tanh_layers import TanhLayers

# Batches are small enough for one core, and two threads on two busy cores wait for each other.
torch.set_num_threads(1)

Singles = NDArray[np.float32]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoSettings:
    """Hyperparameters; the defaults suit some ten thousand rows a batch."""

    hidden: int = 64
    """Units of each of the two layers of actor and critic."""
    learning_rate: float = 5e-4
    """At the start; falls in a straight line to zero at the end of the training."""
    epochs: int = 4
    minibatches: int = 4
    clip: float = 0.2
    discount: float = 1.0
    gae_lambda: float = 0.95
    entropy_weight: float = 0.0
    value_weight: float = 0.5
    gradient_norm_max: float = 0.5
    log_std_start: float = -0.7
    log_std_min: float = -3.0


class ActorCritic(nn.Module):
    """A Gaussian policy and a value, each two layers of tanh, without shared parameters."""

    def __init__(
        self, observations: int, actions: int, *, hidden: int = 64, log_std: float = -0.7
    ) -> None:
        """Draw the weights orthogonally from torch's generator; mean actions begin near zero."""
        super().__init__()
        self.observations, self.actions, self.hidden = observations, actions, hidden
        self.actor = _layers(observations, hidden, actions, gain=0.01)
        self.critic = _layers(observations, hidden, 1, gain=1.0)
        self.log_std = nn.Parameter(torch.full((actions,), log_std))
        self.actor_passes, self.critic_passes = TanhLayers(self.actor), TanhLayers(self.critic)

    @torch.no_grad()
    def set_constant(self, action: Sequence[float]) -> None:
        """Make the mean action the same, `action`, whatever is seen."""
        last = cast("nn.Linear", self.actor[-1])
        last.weight.zero_()
        last.bias.copy_(torch.tensor(action))

    @torch.no_grad()
    def constant(self) -> Singles | None:
        """Return the mean action (actions,) where it is the same whatever is seen, else None."""
        last = cast("nn.Linear", self.actor[-1])
        return None if last.weight.numpy().any() else np.array(last.bias.numpy())

    def mean(self, observation: Tensor) -> Tensor:
        """Return the mean action (..., actions)."""
        return self.actor(observation)  # type: ignore[no-any-return]

    def value(self, observation: Tensor) -> Tensor:
        """Return what is expected to come, (...), in units of the reward scale."""
        return self.critic(observation).squeeze(-1)  # type: ignore[no-any-return]

    def log_probability(self, mean: Tensor, action: Tensor) -> Tensor:
        """Return the logarithm of the density of `action` (..., actions), summed over them."""
        spread = self.log_std
        distance = (action - mean) * torch.exp(-spread)
        return (-0.5 * distance.square() - spread - 0.5 * math.log(2.0 * math.pi)).sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropy of the policy, the same for every observation."""
        return (self.log_std + 0.5 * math.log(2.0 * math.pi * math.e)).sum()

    @torch.no_grad()
    def sample(
        self, observation: Singles, generator: torch.Generator
    ) -> tuple[Singles, Singles, Singles]:
        """Return drawn actions (..., actions), their log probability and the value, (...)."""
        mean = self._pass(self.actor_passes, observation)
        noise = torch.randn(mean.shape, generator=generator)
        action = mean + torch.exp(self.log_std) * noise
        density = self.log_probability(mean, action)
        value = self._pass(self.critic_passes, observation).squeeze(-1)
        return action.numpy(), density.numpy(), value.numpy()

    def best(self, observation: Singles) -> Singles:
        """Return the mean action (..., actions): what is played once nothing is to be learned."""
        return np.asarray(self._pass(self.actor_passes, observation).numpy())

    def _pass(self, passes: TanhLayers, observation: Singles) -> Tensor:
        rows = torch.from_numpy(observation.reshape(-1, self.observations))
        return passes.forward(rows).reshape(*observation.shape[:-1], -1)


def _layers(inputs: int, hidden: int, outputs: int, *, gain: float) -> nn.Sequential:
    """Return two hidden layers of tanh and a linear one on top, drawn orthogonally."""
    sizes = ((inputs, hidden, math.sqrt(2.0)), (hidden, hidden, math.sqrt(2.0)))
    parts: list[nn.Module] = []
    for given, wanted, size in sizes:
        parts += [_linear(given, wanted, size), nn.Tanh()]
    return nn.Sequential(*parts, _linear(hidden, outputs, gain))


def _linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What agents saw, did and got: `T` steps that end with the last, times `M` agents."""

    observation: Singles  # (T, M, observations)
    action: Singles  # (T, M, actions) as drawn, before any clipping
    log_probability: Singles  # (T, M) when drawn
    value: Singles  # (T, M) when drawn, in units of the reward scale
    reward: Singles  # (T, M)
    alive: Booleans  # (T, M) False where an agent takes no part


@dataclass(frozen=True, slots=True)
class Losses:
    """How an update went."""

    policy: float
    value: float
    entropy: float
    divergence: float  # mean of old minus new log probability, an estimate of the distance moved
    clipped: float  # share of rows whose ratio left the trusted range
    explained: float  # share of the variance of returns that the value explains


def advantages(batch: Batch, scale: float, *, discount: float, gae_lambda: float) -> Singles:
    """Return generalised advantage estimates (T, M); nothing comes after the last step."""
    out = np.zeros_like(batch.reward)
    ahead = np.zeros(batch.reward.shape[1], np.float32)
    following = np.zeros_like(ahead)
    for t in range(len(out) - 1, -1, -1):
        delta = batch.reward[t] / scale + discount * following - batch.value[t]
        ahead = delta + discount * gae_lambda * ahead
        out[t] = ahead
        following = batch.value[t]
    return out


class Learner:
    """Improves a policy, batch by batch; its whole state can be saved and taken up again."""

    def __init__(self, policy: ActorCritic, settings: PpoSettings, *, seed: int) -> None:
        """Begin with `policy` as it is."""
        self.policy, self.settings = policy, settings
        self.reward_scale: float | None = None  # spread of the first batch's rewards
        self.optimiser = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)
        self.generator = torch.Generator().manual_seed(seed)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain numbers from which `restore` goes on exactly as before.

        They are copies: learning on does not change them.
        """
        return copy.deepcopy(
            {
                "policy": self.policy.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "generator": self.generator.get_state(),
                "reward_scale": self.reward_scale,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.policy.load_state_dict(state["policy"])
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))  # it keeps what it gets
        self.generator.set_state(state["generator"])
        self.reward_scale = state["reward_scale"]

    def update(self, batch: Batch, *, done: float) -> Losses:
        """Improve the policy by `batch`; `done` is the share of the training behind us.

        Raises:
            PolicyError: a reward, an observation or a loss is not a number, or nobody takes part.
        """
        settings = self.settings
        alive = batch.alive
        if not alive.any():
            raise PolicyError("training: nobody takes part in this batch, nothing can be learned")
        self._refuse_no_numbers(batch)
        if self.reward_scale is None:
            self.reward_scale = max(float(batch.reward[alive].std()), 1e-8)
        gained = advantages(
            batch, self.reward_scale, discount=settings.discount, gae_lambda=settings.gae_lambda
        )
        value = _rows_of(batch.value, alive)
        returns = _rows_of(gained, alive) + value
        rows = Rows(
            observation=torch.from_numpy(_rows_of(batch.observation, alive)),
            action=torch.from_numpy(_rows_of(batch.action, alive)),
            log_probability=torch.from_numpy(_rows_of(batch.log_probability, alive)),
            advantage=torch.from_numpy(_standard(_rows_of(gained, alive))),
            returns=torch.from_numpy(returns),
        )
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * max(1.0 - done, 0.0)
        seen = []
        for _ in range(settings.epochs):
            order = torch.randperm(len(rows.returns), generator=self.generator)
            seen += [self._step(rows, part) for part in order.chunk(settings.minibatches)]
        policy_loss, value_loss, divergence, clipped = np.mean(seen, axis=0)
        spread = float(returns.var())
        left = float((returns - value).var())
        return Losses(
            policy=float(policy_loss),
            value=float(value_loss),
            entropy=float(self.policy.entropy().detach()),
            divergence=float(divergence),
            clipped=float(clipped),
            explained=1.0 - left / spread if spread > 0.0 else 0.0,
        )

    def _step(self, rows: "Rows", part: Tensor) -> tuple[float, float, float, float]:
        """Take one gradient step on the rows `part`."""
        settings, policy = self.settings, self.policy
        seen = rows.observation.index_select(0, part)
        # Only from the layers' outputs on; through the layers goes `TanhLayers.backward`.
        mean = policy.actor_passes.forward(seen).requires_grad_()
        value = policy.critic_passes.forward(seen).requires_grad_()
        change = policy.log_probability(mean, rows.action.index_select(0, part))
        change = change - rows.log_probability.index_select(0, part)
        ratio = torch.exp(change)
        gain = rows.advantage.index_select(0, part)
        trusted = torch.clamp(ratio, 1.0 - settings.clip, 1.0 + settings.clip)
        policy_loss = -torch.minimum(ratio * gain, trusted * gain).mean()
        value_loss = (value.squeeze(-1) - rows.returns.index_select(0, part)).square().mean()
        loss = (
            policy_loss
            + settings.value_weight * value_loss
            - settings.entropy_weight * policy.entropy()
        )
        if not bool(torch.isfinite(loss)):
            raise PolicyError(
                f"training: the loss became {loss.item():g} (policy {policy_loss.item():g}, value "
                f"{value_loss.item():g}); nothing was changed by this step. Use a lower "
                f"learning_rate than {settings.learning_rate:g}, or go on from an earlier "
                "checkpoint with another seed"
            )
        to_mean, to_value, policy.log_std.grad = torch.autograd.grad(
            loss, (mean, value, policy.log_std)
        )
        policy.actor_passes.backward(to_mean)
        policy.critic_passes.backward(to_value)
        nn.utils.clip_grad_norm_(policy.parameters(), settings.gradient_norm_max)
        self.optimiser.step()
        with torch.no_grad():
            policy.log_std.clamp_(min=settings.log_std_min)
            outside = ((ratio - 1.0).abs() > settings.clip).float().mean()
        figures = (policy_loss, value_loss, -change.mean(), outside)
        moved = [float(figure.detach()) for figure in figures]
        return moved[0], moved[1], moved[2], moved[3]

    def _refuse_no_numbers(self, batch: Batch) -> None:
        """Raise with everything in `batch` that is not a finite number."""
        problems = []
        for name in ("observation", "action", "reward", "value"):
            values = getattr(batch, name)
            bad = ~np.isfinite(values)
            bad &= batch.alive[..., None] if values.ndim > batch.alive.ndim else batch.alive
            if bad.any():
                where = ", ".join(str(int(i)) for i in np.argwhere(bad)[0])
                problems.append(
                    f"training: {int(bad.sum())} of {values.size} {name} values are not finite, "
                    f"the first at [{where}]"
                )
        if problems:
            raise PolicyError(problems)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a batch in which an agent took part, as tensors."""

    observation: Tensor
    action: Tensor
    log_probability: Tensor
    advantage: Tensor
    returns: Tensor


def _rows_of(values: Singles, alive: Booleans) -> Singles:
    """Return the rows (R, ...) of `values` (T, M, ...) in which agents take part."""
    whole = bool(alive.all())
    return np.ascontiguousarray(values.reshape(-1, *values.shape[2:]) if whole else values[alive])


def _standard(values: Singles) -> Singles:
    """Return values of mean zero and spread one."""
    return np.asarray((values - values.mean()) / (values.std() + 1e-8))
