"""The leader that learns: stable-baselines3 on the batched game, one decision a day.

Weights are kept as plain tensors and the algorithm is built anew around them: reading a policy
never runs code from its file.
"""

import io
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import torch
from stable_baselines3 import A2C, DDPG, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger, configure
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from cosim.envs.leader_encoding import TariffSet, announced, observe
from cosim.envs.leader_episodes import LeaderSettings
from cosim.envs.spaces import Box, leader_spaces
from cosim.envs.worlds import Worlds
from cosim.errors import PolicyError
from cosim.records import Signal
from cosim.simulation import Followers
from cosim.views import LeaderView
from policies.leader_rows import LeaderRows

ALGORITHMS: Final[dict[str, type[BaseAlgorithm]]] = {
    "PPO": PPO,
    "A2C": A2C,
    "SAC": SAC,
    "TD3": TD3,
    "DDPG": DDPG,
}
"""Algorithms of stable-baselines3 for continuous actions, by name."""

ON_POLICY: Final = ("PPO", "A2C")

COUNTS: Final = ("num_timesteps", "_n_updates")
"""Of the algorithm: when it begins to learn and every how many steps it does what hangs on them."""

REMEMBERED: Final = (
    "observations",
    "next_observations",
    "actions",
    "rewards",
    "dones",
    "timeouts",
)
"""Arrays of the replay buffer of an off-policy algorithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderTraining:
    """How the leader is trained."""

    algorithm: str = "PPO"
    """One of `ALGORITHMS`."""
    environments: int = 16
    """Days played side by side."""
    days: int = 4
    """Days each of them plays between two updates."""
    requote_every_h: float = 24.0
    """Hours between two decisions; below 24 the rest of the day is quoted anew each time, and a day
    is a game of several steps."""
    hidden: int = 64
    learning_rate: float = 2e-3
    """At the start; falls in a straight line to zero."""
    epochs: int = 6
    minibatch: int = 64
    log_std_start: float = -1.0
    refused_penalty_eur_per_kwh: float = 0.02
    """Taken for every kWh of the day-ahead schedule that the grid refuses."""
    tariff: TariffSet = field(default_factory=TariffSet)

    @property
    def decisions(self) -> int:
        """Decisions a day; those of the hour that the clock skips or repeats count for nothing."""
        return max(round(24.0 / self.requote_every_h), 1)

    @property
    def on_policy(self) -> bool:
        """Whether the algorithm learns from what its own policy just did."""
        return self.algorithm in ON_POLICY


def new_model(
    settings: LeaderTraining, *, seed: int, spaces: tuple[Box, Box] | None = None
) -> BaseAlgorithm:
    """Return an untrained algorithm that needs no environment to act.

    `spaces` are what it (sees, does), those of the market's leader if None.

    Raises:
        PolicyError: the algorithm is unknown.
    """
    kind = ALGORITHMS.get(settings.algorithm)
    if kind is None:
        raise PolicyError(
            f'leader algorithm "{settings.algorithm}" is unknown; known: {", ".join(ALGORITHMS)}'
        )
    units = [settings.hidden, settings.hidden]
    common: dict[str, Any] = {
        "env": None,
        "learning_rate": settings.learning_rate,
        "gamma": _discount(settings),
        "seed": seed,
        "device": "cpu",
        "_init_setup_model": False,
    }
    if settings.algorithm == "PPO":
        common |= {
            "n_steps": settings.days * settings.decisions,
            "batch_size": settings.minibatch,
            "n_epochs": settings.epochs,
            "gae_lambda": 0.95,
            "policy_kwargs": {
                "net_arch": {"pi": units, "vf": units},
                "log_std_init": settings.log_std_start,
            },
        }
    elif settings.on_policy:
        common |= {
            "n_steps": settings.days * settings.decisions,
            "policy_kwargs": {"net_arch": units, "log_std_init": settings.log_std_start},
        }
    else:
        common |= {
            "batch_size": settings.minibatch,
            "learning_starts": settings.environments * settings.days,
            "train_freq": 1,
            "gradient_steps": settings.epochs,
            "buffer_size": 20_000,
            "policy_kwargs": {"net_arch": units},
        }
    seen, done = leader_spaces() if spaces is None else spaces
    if settings.algorithm == "SAC":
        common["target_entropy"] = -float(np.prod(done.shape or ()))  # "auto" asks an environment
    model = kind("MlpPolicy", **common)
    model.observation_space, model.action_space = seen, done
    model.n_envs = settings.environments
    model._setup_model()
    return model


def _discount(settings: LeaderTraining) -> float:
    """Return the discount: none within a day; where a day has one decision, nothing follows it."""
    if settings.decisions > 1:
        return 1.0
    return 0.0 if settings.on_policy else 0.01  # the others divide by what a discount leaves


@dataclass(frozen=True, slots=True, eq=False)
class LearnedLeader:
    """Announces the prices that a learned policy sets from the day's forecasts."""

    model: BaseAlgorithm
    tariff: TariffSet

    def __call__(self, view: LeaderView) -> Signal:
        """Return the day's price pairs (T, B)."""
        raw, _ = self.model.predict(observe(view), deterministic=True)
        return announced(view, np.asarray(raw), self.tariff)


class LeaderTrainer:
    """Plays days against frozen followers and improves the leader, update by update; resumable."""

    def __init__(self, settings: LeaderTraining, *, seed: int) -> None:
        """Begin with an untrained policy, whose mean announces wholesale prices plus a margin."""
        self.settings, self.seed = settings, seed
        self.model = new_model(settings, seed=seed)
        self.updates = 0

    @property
    def leader(self) -> LearnedLeader:
        """Return the policy as it is now."""
        return LearnedLeader(self.model, self.settings.tariff)

    def state(self) -> dict[str, Any]:
        """Return copies of tensors and plain values from which `restore` goes on."""
        model = self.model
        return {
            "updates": self.updates,
            "algorithm": self.settings.algorithm,
            "parameters": _plain(model.get_parameters()),
            "variables": {name: values.detach().clone() for name, values in self._variables()},
            "counts": {name: getattr(model, name) for name in COUNTS},
            "replay": _replay(model.replay_buffer) if isinstance(model, OffPolicyAlgorithm) else {},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.updates = int(state["updates"])
        self.model.set_parameters(state["parameters"], exact_match=True, device="cpu")
        for name, values in self._variables():
            values.data.copy_(state["variables"][name])
        for name, value in state["counts"].items():
            setattr(self.model, name, int(value))
        if isinstance(self.model, OffPolicyAlgorithm):
            _fill(self.model.replay_buffer, state["replay"])

    def step(
        self, worlds: Worlds, followers: Followers, *, passes: int, done: float, logger: Logger
    ) -> float:
        """Play and learn once; return the mean reward of the days played, EUR a day.

        Everything drawn follows from the seed and the number of updates behind, so that a training
        taken up again goes on as it would have.

        Raises:
            PolicyError: a profit or a parameter is not a number.
        """
        settings = self.settings
        game = LeaderSettings(
            passes=passes,
            requote_every_h=settings.requote_every_h,
            refused_penalty_eur_per_kwh=settings.refused_penalty_eur_per_kwh,
            tariff=settings.tariff,
        )
        rows = LeaderRows(worlds, followers=followers, settings=game)
        model = self.model
        unit = int(np.random.SeedSequence([self.seed, self.updates]).generate_state(1)[0]) >> 1
        rows.seed(unit)
        model.set_env(rows, force_reset=True)
        model.set_random_seed(unit)
        rate = settings.learning_rate * max(1.0 - done, 0.0)
        model.learning_rate = max(rate, 1e-6)
        model._setup_lr_schedule()
        model.set_logger(logger)
        steps = settings.environments * settings.days * settings.decisions
        try:
            model.learn(steps, reset_num_timesteps=False)
        except ValueError:  # torch refuses distributions of parameters that are no numbers
            if not self._broken():
                raise
        self.updates += 1
        broken = self._broken()
        if broken:
            raise self._no_number(f"parameters {', '.join(broken)} are")
        return float(np.mean(rows.profits)) * settings.decisions

    def _variables(self) -> list[tuple[str, torch.Tensor]]:
        """Return what is learned beside the parameters: the weight of SAC's entropy."""
        _, names = self.model._get_torch_save_params()
        found = [(name, getattr(self.model, name)) for name in names]
        return [(name, values) for name, values in found if isinstance(values, torch.Tensor)]

    def _broken(self) -> list[str]:
        """Return the parameters that are not a number any more."""
        return [
            name
            for name, values in self.model.policy.state_dict().items()
            if not bool(torch.isfinite(values).all())
        ]

    def _no_number(self, what: str) -> PolicyError:
        return PolicyError(
            f"leader training, update {self.updates}: {what} not a number; use a lower "
            f"learning_rate than {self.settings.learning_rate:g}, or go on from an earlier "
            "checkpoint with another seed"
        )


def quiet_logger(folder: str | None) -> Logger:
    """Return a logger that writes TensorBoard files into `folder`, or nothing."""
    # Without a folder `configure` would leave an empty one in the system's temporary files.
    return configure(folder, ["tensorboard"]) if folder else Logger(None, [])


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return copies of all tensors, so that training goes on without changing what was kept."""
    buffer = io.BytesIO()
    torch.save(parameters, buffer)
    buffer.seek(0)
    copied: dict[str, Any] = torch.load(buffer, weights_only=True)
    return copied


def _replay(buffer: Any) -> dict[str, Any]:
    """Return what an off-policy algorithm remembers, as tensors."""
    rows = buffer.buffer_size if buffer.full else buffer.pos
    kept = {name: torch.from_numpy(getattr(buffer, name)[:rows].copy()) for name in REMEMBERED}
    return {"position": buffer.pos, "full": buffer.full, **kept}


def _fill(buffer: Any, state: dict[str, Any]) -> None:
    """Remember what `_replay` returned."""
    buffer.pos, buffer.full = int(state["position"]), bool(state["full"])
    for name in REMEMBERED:
        getattr(buffer, name)[: len(state[name])] = state[name].numpy()


def settings_of(training: LeaderTraining) -> dict[str, Any]:
    """Return the settings as plain values."""
    return asdict(training)
