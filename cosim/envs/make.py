"""Environments of a scenario in one line each."""

from typing import TYPE_CHECKING

from gymnasium.vector import AutoresetMode

from cosim.envs.follower_episodes import ProsumerSettings
from cosim.envs.leader_env import LeaderEnv, LeaderVectorEnv
from cosim.envs.leader_episodes import LeaderSettings
from cosim.envs.worlds import ScenarioWorlds
from cosim.scenario import Scenario
from cosim.simulation import Followers, Leader

if TYPE_CHECKING:
    from cosim.envs.prosumer_env import ProsumerEnv


def make_leader_env(
    scenario: Scenario | None = None,
    *,
    followers: Followers | None = None,
    settings: LeaderSettings | None = None,
) -> LeaderEnv:
    """Return the leader's environment of `scenario`, the default one if None.

    Raises:
        CosimError: the scenario cannot be played.
    """
    return LeaderEnv(ScenarioWorlds(scenario), followers=followers, settings=settings)


def make_leader_vector_env(
    scenario: Scenario | None = None,
    *,
    num_envs: int = 16,
    followers: Followers | None = None,
    settings: LeaderSettings | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
) -> LeaderVectorEnv:
    """Return `num_envs` games of `scenario` side by side; raises as `make_leader_env`."""
    return LeaderVectorEnv(
        ScenarioWorlds(scenario, environments=num_envs),
        followers=followers,
        settings=settings,
        autoreset_mode=autoreset_mode,
    )


def make_prosumer_env(
    scenario: Scenario | None = None,
    *,
    leader: Leader | None = None,
    stand_in: Followers | None = None,
    settings: ProsumerSettings | None = None,
) -> "ProsumerEnv":
    """Return the prosumers' environment of `scenario`; raises as `make_leader_env`."""
    # PettingZoo takes most of a second to import, which no other door should wait for.
    from cosim.envs.prosumer_env import ProsumerEnv

    return ProsumerEnv(
        ScenarioWorlds(scenario), leader=leader, stand_in=stand_in, settings=settings
    )
