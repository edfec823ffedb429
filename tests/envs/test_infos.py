"""What environments tell of charges, headroom, verdicts and flexibility."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.envs.follower_episodes import FollowerEpisodes, ProsumerSettings
from cosim.envs.infos import (
    BID_INFOS,
    GRID_INFOS,
    LEAST,
    MOST,
    PROSUMER_INFOS,
    SHARE_INFOS,
    SUM,
    grid_infos,
)
from cosim.envs.leader_episodes import LeaderEpisodes
from cosim.envs.prosumer_env import ProsumerEnv
from cosim.results import Payment, Verdict
from policies.vec_env import FollowerVecEnv
from tests.envs.short_worlds import TIGHT, short_worlds

WORLDS = short_worlds(2, prosumers=4, scale=TIGHT)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_days_numbers_are_those_of_its_records(seed: int) -> None:
    episodes = LeaderEpisodes(WORLDS)
    generator = np.random.default_rng(seed)
    episodes.begin(generator, seed=seed)
    episodes.step(generator.uniform(-1.0, 1.0, (2, 6)))
    infos, day, game = episodes.infos(), episodes.session.played(), episodes.session.game
    assert set(infos) == {*GRID_INFOS, *SHARE_INFOS, *BID_INFOS}
    assert all(values.shape == (2,) and np.isfinite(values).all() for values in infos.values())
    forecast = episodes.session.world.forecast
    parts = [grid_infos(game, record, forecast) for record in day.intervals]
    for name, (rule, _) in GRID_INFOS.items():
        values = np.array([part[name] for part in parts])
        over_day = {
            SUM: values.sum(axis=0),
            LEAST: values.min(axis=0),
            MOST: values.max(axis=0),
        }
        np.testing.assert_allclose(infos[name], over_day.get(rule, values.mean(axis=0)), atol=1e-9)
    np.testing.assert_allclose(
        infos["cleared_kwh"] - infos["refused_kwh"], infos["accepted_kwh"], atol=1e-9
    )
    reasons = sum(values for name, values in infos.items() if name[:8] == "refused_")
    np.testing.assert_allclose(reasons, 2.0 * infos["refused_kwh"], atol=1e-9)
    trades = sum(np.diff(record.clearing.trades.start) for record in day.intervals)
    counted = sum(infos[f"trades_{verdict.name.lower()}"] for verdict in Verdict)
    np.testing.assert_array_equal(counted, trades)
    charged = np.sum([record.settlement.prosumer_eur for record in day.intervals], axis=0)
    np.testing.assert_allclose(
        infos["network_charges_eur"], -charged[:, :, Payment.NETWORK_CHARGE].sum(axis=1), atol=1e-12
    )
    feeder = game.power_flow.feeder
    highest = np.max([r.validation.state.voltage_pu for r in day.intervals], axis=0)
    np.testing.assert_allclose(
        infos["headroom_up_pu"], (feeder.voltage_max_pu - highest).min(axis=1), atol=1e-12
    )
    for direction, offer in (("up", day.bid.up), ("down", day.bid.down)):
        wanted, feasible = offer.offered_kwh.sum(axis=0), offer.feasible_kwh.sum(axis=0)
        assert np.all(infos[f"{direction}_deliverability"] <= 1.0 + 1e-9)
        np.testing.assert_allclose(
            infos[f"{direction}_deliverability"] * wanted, feasible, atol=1e-9
        )
        assert np.all(wanted > 0.0)


def test_what_a_prosumer_is_told_is_its_own() -> None:
    episodes = FollowerEpisodes(WORLDS)
    generator = np.random.default_rng(3)
    episodes.begin(generator, seed=7)
    refused = 0
    for _ in range(24):
        _, reward = episodes.step(generator.uniform(-1.0, 1.0, (2, 4, 4)))
        told, record = episodes.infos(), episodes.played.record
        assert set(told) == set(PROSUMER_INFOS)
        earned = told["received_eur"] - told["wear_eur"] + told["open_positions_eur"]
        np.testing.assert_allclose(reward, earned, atol=1e-12)
        trades, worst = record.clearing.trades, np.zeros((2, 4))
        for m, verdict in enumerate(record.validation.verdict):
            for end in {trades.seller[m], trades.buyer[m]} - {-1}:
                at = trades.environment[m], end
                worst[at] = max(worst[at], verdict)
        np.testing.assert_array_equal(told["verdict"], worst)
        assert np.all((told["reason"] > 0) == (worst > 0))
        np.testing.assert_allclose(
            told["cleared_kwh"] - told["refused_kwh"], told["accepted_kwh"], atol=1e-12
        )
        grid = episodes.grid_infos()
        np.testing.assert_allclose(grid["fleet_up_kw"], told["up_kw"].sum(axis=1))
        assert np.all(told["headroom_up_pu"].min(axis=1) >= grid["headroom_up_pu"] - 1e-12)
        refused += int((worst > 0).sum())
    assert refused > 0
    assert episodes.infos()["open_positions_eur"].any()


def test_flexibility_is_what_devices_could_do() -> None:
    """A battery alone can go from what it does down to full discharge and up to full charge."""
    episodes = FollowerEpisodes(short_worlds(1, prosumers=4))
    episodes.begin(np.random.default_rng(0), seed=0)
    game = episodes.session.game
    for _ in range(10):
        before = episodes.session.state.battery_kwh
        episodes.step(np.zeros((1, 4, 4)))
        told, record = episodes.infos(), episodes.played.record
        fleet = game.fleet
        out = np.minimum(fleet.battery_kw, before * fleet.battery_discharge_efficiency / 0.25)
        could = np.where(fleet.battery_kwh > 0.0, record.dispatch.battery_kw + out, 0.0)
        assert np.all(told["up_kw"] >= could - 1e-9)
        assert np.all(told["up_kw"] >= 0.0)
        assert np.all(told["down_kw"] >= 0.0)


def test_rows_and_agents_are_told_the_same() -> None:
    worlds = short_worlds(1, prosumers=3, scale=TIGHT)
    setting = ProsumerSettings(network_weight=1.0)
    agents, rows = (
        ProsumerEnv(worlds, settings=setting),
        FollowerVecEnv(worlds, settings=setting, row_infos=True),
    )
    agents.reset(seed=8)
    rows.seed(8)
    rows.reset()
    for _ in range(24):
        *_, told = agents.step({agent: np.ones(4, np.float32) for agent in agents.agents})
        *_, infos = rows.step(np.ones((3, 4)))
        grid = {name: float(values[0]) for name, values in rows.grid_infos().items()}
        for n, info in enumerate(infos):
            own = dict(told[f"prosumer_{n}"])
            assert own.pop("grid") == grid
            assert own == {name: info[name] for name in PROSUMER_INFOS}
            assert own == {name: values[n] for name, values in rows.infos().items()}


def test_without_bidding_nothing_but_the_bid_is_missing() -> None:
    worlds = short_worlds(1, prosumers=3)
    with_bid, without = (
        FollowerEpisodes(worlds, settings=ProsumerSettings(bidding=bidding))
        for bidding in (True, False)
    )
    for episodes in (with_bid, without):
        episodes.begin(np.random.default_rng(1), seed=1)
    for _ in range(6):
        for one, other in zip(
            with_bid.step(np.zeros((1, 3, 4))), without.step(np.zeros((1, 3, 4))), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert set(without.grid_infos()) == set(GRID_INFOS)
    assert set(with_bid.grid_infos()) == {*GRID_INFOS, *BID_INFOS}
