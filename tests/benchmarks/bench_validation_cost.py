"""What validation costs in the default week, against one `runpp` per trade."""

import time

import numpy as np
import pandapower as pp

from cosim import interval
from cosim.game import make_game
from cosim.grid.power_flow import PowerFlow
from cosim.grid.validation import validate
from cosim.inputs.world import build_world
from cosim.results import Validation
from cosim.scenario import Scenario
from cosim.simulation import play_days
from networks.catalog import build_net, load_feeder
from policies.registry import policies_of


def main() -> None:
    """Play the default week once to compile, once timed."""
    scenario = Scenario()
    feeder = load_feeder(scenario.feeder.name)
    world = build_world(scenario, feeder)
    game = make_game(scenario, PowerFlow(feeder), world)
    secure: list[float] = []
    cut: list[float] = []
    trades = 0

    def timed(*arguments: object, **options: object) -> Validation:
        nonlocal trades
        began = time.perf_counter()
        verdicts = validate(*arguments, **options)  # type: ignore[arg-type] # passed through
        spent = time.perf_counter() - began
        trades += len(verdicts.verdict)
        (cut if np.any(verdicts.verdict) else secure).append(spent)
        return verdicts

    vars(interval)["validate"] = timed
    for warm in (True, False):
        for _ in play_days(game, world, policies_of(scenario)):
            pass
        if warm:
            secure.clear()
            cut.clear()
            trades = 0
    net = build_net(scenario.feeder.name)
    pp.runpp(net)
    began = time.perf_counter()
    for _ in range(20):
        pp.runpp(net)
    runpp_s = (time.perf_counter() - began) / 20
    per_trade = (sum(secure) + sum(cut)) / trades
    print(
        f"default week: {len(secure)} secure intervals at {1e3 * np.mean(secure):.2f} ms, "
        f"{len(cut)} cut ones at {1e3 * np.mean(cut):.2f} ms (median {1e3 * np.median(cut):.2f})\n"
        f"{trades} trades validated at {1e6 * per_trade:.2f} us each; one runpp per trade would "
        f"take {1e3 * runpp_s:.2f} ms: {runpp_s / per_trade:,.0f} times as much (target 10,000)"
    )


if __name__ == "__main__":
    main()
