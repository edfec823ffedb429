"""The worked example of docs/verdicts.md, and verdicts in odd situations."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandapower as pp
import pytest

from cosim.grid.charges import network_prices, no_charges, usage_charges
from cosim.grid.power_flow import PowerFlow
from cosim.grid.prequalification import Schedule, prequalify
from cosim.grid.validation import RULES, Surroundings, validate
from cosim.market.auction import MECHANISMS
from cosim.market.settlement import PriceParts, WholesaleTerms, settle
from cosim.records import AGGREGATOR, STEP_COUNT, Clearing, Orders, Quotes
from cosim.results import Account, NetworkPrices, Reason, Validation, Verdict, WholesaleBid
from networks.feeder import Feeder
from tests.three_bus import three_bus_feeder, three_bus_net

SELLER, SHOP, HOME = 0, 1, 2


def worked_orders() -> Orders:
    """A sells 80 kW of solar; B needs 12 kW and charges 10; C needs 4 and charges 8."""
    price = np.zeros((1, 3, STEP_COUNT))
    energy = np.zeros_like(price)
    energy[0, SELLER, 0] = 20.0
    price[0, SHOP, 0], energy[0, SHOP, 0] = 0.19, 2.5
    price[0, HOME, 0], energy[0, HOME, 0] = 0.25, 2.0
    return Orders(np.array([[-20.0, 3.0, 1.0]]), price, energy)


def worked_clearing() -> Clearing:
    """Return the clearing at quotes of 0.08 and 0.30."""
    quotes = Quotes(np.array([0.30]), np.array([0.08]), 0.30, 0.0, 0.0)
    return MECHANISMS["uniform"](worked_orders(), quotes, np.array([[0, 1, 2]]))


def judge(rule: str, feeder: Feeder | None = None) -> Validation:
    """Return the verdicts of the worked example."""
    power_flow = PowerFlow(three_bus_feeder() if feeder is None else feeder)
    around = Surroundings(np.array([[2, 1, 2]]), np.zeros((1, 3)), np.zeros((1, 3)), 0.25)
    return validate(power_flow, around, worked_orders(), worked_clearing(), rule=rule)


def value_of(verdicts: Validation) -> float:
    """Return the surplus that was kept, EUR."""
    return float(worked_clearing().trades.surplus_eur_per_kwh @ verdicts.accepted_kwh)


def test_auction_of_the_worked_example() -> None:
    trades = worked_clearing().trades
    np.testing.assert_allclose(trades.cleared_kwh * 4.0, [12.0, 4.0, 8.0, 10.0, 46.0])
    assert trades.buyer.tolist() == [SHOP, HOME, HOME, SHOP, -1]
    assert trades.firm.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(trades.price_eur_per_kwh, 0.08)


def test_optimal_cuts_the_aggregator_leg_to_the_voltage_limit() -> None:
    verdicts = judge("optimal")
    np.testing.assert_allclose(
        verdicts.accepted_kwh * 4.0, [12.0, 4.0, 8.0, 10.0, 41.9324], atol=1e-4
    )
    assert verdicts.verdict.tolist() == [0, 0, 0, 0, int(Verdict.CURTAILED)]
    assert verdicts.reason[4] == Reason.OVERVOLTAGE
    assert verdicts.element[4] == 2
    np.testing.assert_allclose(verdicts.state.voltage_pu[0], [1.0, 1.019584, 1.05], atol=1e-6)
    np.testing.assert_allclose(verdicts.state.loading_percent[0], [21.015, 32.550], atol=1e-3)
    assert verdicts.state.slack_kw[0] == pytest.approx(-39.306, abs=1e-3)
    assert verdicts.state.loss_kw[0] == pytest.approx(2.626, abs=1e-3)
    assert value_of(verdicts) == pytest.approx(3.013648, abs=2e-6)


def test_bus_prices_of_the_worked_example() -> None:
    """Energy at 0.08 plus what the limit makes of a further kWh at the bus."""
    prices = 0.08 + judge("optimal").voltage_eur_per_kwh[0]
    np.testing.assert_allclose(prices, [0.08, 0.038493, 0.0], atol=1e-6)
    assert np.all(judge("optimal").congestion_eur_per_kwh == 0.0)
    # The curtailed leg gains nothing by a further kWh: the limit takes all it is worth.
    assert judge("optimal").shadow_eur_per_kwh[4] == pytest.approx(0.08, abs=1e-9)


def limit_prices() -> NetworkPrices:
    """Return the prices of the worked example, losses not priced."""
    verdicts = judge("optimal")
    return NetworkPrices(
        energy_eur_per_kwh=np.array([0.08]),
        loss_eur_per_kwh=np.zeros((1, 3)),
        voltage_eur_per_kwh=verdicts.voltage_eur_per_kwh,
        congestion_eur_per_kwh=verdicts.congestion_eur_per_kwh,
    )


def test_usage_charges_of_the_worked_example() -> None:
    """Split in proportion to each side's surplus."""
    verdicts = judge("optimal")
    charges = usage_charges(
        worked_clearing().trades, verdicts.accepted_kwh, limit_prices(), np.array([[2, 1, 2]])
    )
    np.testing.assert_allclose(
        charges.trade_eur, [0.115478, 0.0, 0.0, 0.096232, 0.838648], atol=2e-6
    )
    np.testing.assert_allclose(
        charges.seller_eur, [0.030794, 0.0, 0.0, 0.040519, 0.838648], atol=2e-6
    )
    np.testing.assert_allclose(charges.buyer_eur, [0.084684, 0.0, 0.0, 0.055713, 0.0], atol=2e-6)


def test_loss_prices_are_what_a_further_kwh_loses() -> None:
    """Against losses solved again with a little more drawn at each bus."""
    verdicts = judge("optimal")
    power_flow = PowerFlow(three_bus_feeder())
    prices = network_prices(power_flow, verdicts, np.array([0.08]))
    for bus in range(3):
        more = np.tile(verdicts.bus_kw[0], (2, 1))
        more[:, bus] += [0.01, -0.01]
        loss = power_flow.solve(more, np.zeros((2, 3))).loss_kw
        assert prices.loss_eur_per_kwh[0, bus] == pytest.approx(
            0.08 * (loss[0] - loss[1]) / 0.02, abs=1e-8
        )


def test_pro_rata_cuts_all_alike_and_keeps_less() -> None:
    verdicts = judge("pro_rata")
    np.testing.assert_allclose(
        verdicts.accepted_kwh / worked_clearing().trades.cleared_kwh, 0.939119, atol=1e-6
    )
    assert value_of(verdicts) == pytest.approx(2.906573, abs=2e-6)
    assert value_of(verdicts) < value_of(judge("optimal"))


def test_merit_cuts_the_least_valuable_trade_here_the_aggregator_leg() -> None:
    verdicts = judge("merit")
    np.testing.assert_allclose(verdicts.accepted_kwh, judge("optimal").accepted_kwh, atol=1e-4)


def test_lifo_cuts_from_the_last_that_came() -> None:
    """Turns are A 0, B 1, C 2: what C takes part in came last and is cut first."""
    verdicts = judge("lifo")
    placed = worked_clearing().trades.placed
    assert placed.tolist() == [1, 2, 2, 1, 0]
    share = verdicts.accepted_kwh / worked_clearing().trades.cleared_kwh
    assert share[4] == pytest.approx(1.0)  # the leg with the aggregator came first
    assert share[1] < 1.0
    assert verdicts.state.voltage_pu[0].max() <= 1.05 + 1e-9
    assert verdicts.state.voltage_pu[0].max() == pytest.approx(1.05, abs=1e-7)


def test_max_min_keeps_whole_what_does_no_harm() -> None:
    """Solar sold to the vehicle and the battery draws as much as it feeds in: no reason to cut."""
    verdicts = judge("max_min")
    share = verdicts.accepted_kwh / worked_clearing().trades.cleared_kwh
    assert share[2] == pytest.approx(1.0)  # A to C at the same bus changes nothing
    least = share.min()
    assert least == pytest.approx(0.939119, abs=2e-6)
    np.testing.assert_allclose(share[[0, 1, 3, 4]], least, atol=1e-6)
    assert verdicts.state.voltage_pu[0].max() == pytest.approx(1.05, abs=1e-6)


def test_none_reports_and_changes_nothing() -> None:
    verdicts = judge("none")
    np.testing.assert_allclose(verdicts.state.voltage_pu[0], [1.0, 1.021419, 1.053655], atol=1e-6)
    assert not verdicts.secure[0]
    assert value_of(verdicts) == pytest.approx(3.095)


def test_pandapower_agrees_with_the_outcome() -> None:
    verdicts = judge("optimal")
    net = three_bus_net()
    net.load.drop(net.load.index, inplace=True)
    for bus, kw in enumerate(verdicts.bus_kw[0]):
        pp.create_load(net, bus, p_mw=kw / 1e3)
    pp.runpp(net, tolerance_mva=1e-12)
    np.testing.assert_allclose(net.res_bus.vm_pu, verdicts.state.voltage_pu[0], atol=1e-9)
    assert net.res_bus.vm_pu.max() <= 1.05


def test_wholesale_side_of_the_worked_example() -> None:
    """10 kWh sold day-ahead at 0.07, 0.4831 kWh long at 0.10; losses 0.656593 kWh."""
    money = settle(
        worked_clearing().trades,
        judge("optimal"),
        no_charges(worked_clearing().trades, limit_prices()),
        PriceParts(0.30, 0.0, 0.0, 0.0, 0.0),
        WholesaleTerms(np.array([10.0]), np.array([0.07]), np.array([0.10]), two_price=False),
        interval_h=0.25,
    )
    assert money.delivered_kwh[0] == pytest.approx(10.4831, abs=1e-4)
    assert money.imbalance_kwh[0] * money.imbalance_price_eur_per_kwh[0] == pytest.approx(
        0.048310, abs=1e-5
    )
    assert money.loss_kwh[0] == pytest.approx(0.656593, abs=1e-5)
    bought_eur = 0.838648
    assert money.accounts_eur[0, 3 + Account.AGGREGATOR] == pytest.approx(
        0.70 + 0.048310 - bought_eur, abs=1e-5
    )
    assert money.accounts_eur.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "none"])
def test_a_limit_that_the_firm_load_breaks_is_preexisting_and_not_made_worse(rule: str) -> None:
    """Firm load alone draws more than 4 % of the rating; the trades may not add to it."""
    feeder = replace(three_bus_feeder(), voltage_min_pu=np.array([0.9, 0.995, 0.995]))
    verdicts = judge(rule, feeder)
    assert verdicts.secure[0] or verdicts.preexisting[0]
    tight = replace(three_bus_feeder(), loading_max_percent=np.array([3.0, 1.0]))
    verdicts = judge(rule, tight)
    assert verdicts.preexisting[0]
    base = np.array([8.5, 2.1])  # loading by 12 and 4 kW, percent
    assert np.all(verdicts.state.loading_percent[0] <= base + 0.5)


@pytest.mark.parametrize("rule", RULES)
def test_no_power_flow_is_a_verdict(rule: str) -> None:
    """Firm load far beyond what the line can carry: refused with a reason, no exception."""
    orders = worked_orders()
    more = np.array([[0.0, 900.0, 900.0]])
    heavy = Orders(orders.minimum_kwh + more, orders.step_eur_per_kwh, orders.step_kwh)
    quotes = Quotes(np.array([0.30]), np.array([0.08]), 0.30, 0.0, 0.0)
    clearing = MECHANISMS["uniform"](heavy, quotes, np.array([[0, 1, 2]]))
    power_flow = PowerFlow(three_bus_feeder())
    around = Surroundings(np.array([[2, 1, 2]]), np.zeros((1, 3)), np.zeros((1, 3)), 0.25)
    verdicts = validate(power_flow, around, heavy, clearing, rule=rule)
    assert not verdicts.state.converged[0]
    assert not verdicts.secure[0]
    if rule != "none":
        # Firm load bought from the aggregator is drawn anyway: the grid does not feel that trade.
        felt = ~(clearing.trades.firm & (clearing.trades.seller == AGGREGATOR))
        assert felt.any()
        assert not felt.all()
        assert np.all(verdicts.reason[felt] == Reason.NO_POWER_FLOW)
        assert np.all(verdicts.accepted_kwh[felt] == 0.0)
        assert np.all(verdicts.verdict[~felt] == Verdict.ACCEPTED)


def test_tightening_a_limit_never_keeps_more_value() -> None:
    kept = []
    for limit in (1.06, 1.05, 1.04, 1.03, 1.02):
        feeder = replace(three_bus_feeder(), voltage_max_pu=np.full(3, limit))
        kept.append(value_of(judge("optimal", feeder)))
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(kept))
    assert kept[0] == pytest.approx(3.095)


def bid(offered_kw: float, rule: str = "optimal", spare_kw: float = 0.0) -> WholesaleBid:
    """Prequalify an export at bus 2 over firm loads of 12 and 4 kW.

    A further participant at bus 1 does nothing, but could feed in up to `spare_kw`.
    """
    net = np.array([3.0, 0.0, (4.0 - offered_kw) * 0.25])
    firm = np.array([3.0, 0.0, 1.0])
    schedule = Schedule(
        net_kwh=net[None, None],
        firm_kwh=firm[None, None],
        least_kwh=np.minimum(net, [3.0, -spare_kw * 0.25, net[2]])[None, None],
        most_kwh=firm[None, None],
        up_kwh=np.zeros((1, 1, 3)),
        down_kwh=np.zeros((1, 1, 3)),
        around=(Surroundings(np.array([[1, 1, 2]]), np.zeros((1, 3)), np.zeros((1, 3)), 0.25),),
    )
    return prequalify(PowerFlow(three_bus_feeder()), schedule, rule=rule)


def test_a_bid_inside_the_limits_passes_whole() -> None:
    small = bid(30.0)
    assert small.verdict[0, 0] == Verdict.ACCEPTED
    assert small.validated_kwh[0, 0] == small.offered_kwh[0, 0]
    assert small.element[0, 0] == -1


def test_a_bid_beyond_the_limits_is_cut_to_the_limit() -> None:
    """pandapower sees exactly the limit at the cut bid."""
    large = bid(120.0)
    assert large.verdict[0, 0] == Verdict.CURTAILED
    assert large.reason[0, 0] == Reason.OVERVOLTAGE
    assert large.element[0, 0] == 2
    fed_kw = large.validated_kwh[0, 0] / 0.25 + 16.0
    net = three_bus_net()
    net.load.loc[1, "p_mw"] = (4.0 - fed_kw) / 1e3
    pp.runpp(net, tolerance_mva=1e-12)
    assert net.res_bus.vm_pu.max() == pytest.approx(1.05, abs=1e-7)


def test_a_bid_is_moved_to_where_the_grid_bears_it_before_it_is_cut() -> None:
    """At bus 2 alone 70 kW are too much; with 40 kW of spare sun at bus 1 the sum can stay."""
    assert bid(80.0).verdict[0, 0] == Verdict.CURTAILED
    moved = bid(80.0, spare_kw=40.0)
    assert moved.verdict[0, 0] == Verdict.ACCEPTED
    assert moved.validated_kwh[0, 0] == pytest.approx(moved.offered_kwh[0, 0], abs=1e-6)
    partly = bid(120.0, spare_kw=5.0)
    assert partly.verdict[0, 0] == Verdict.CURTAILED
    assert partly.validated_kwh[0, 0] > bid(120.0).validated_kwh[0, 0] + 0.1


def test_rule_none_lets_every_bid_pass() -> None:
    large = bid(120.0, "none")
    assert large.verdict[0, 0] == Verdict.ACCEPTED
    assert large.validated_kwh[0, 0] == large.offered_kwh[0, 0]
