"""Days on the three-bus feeder with random numbers in every record and true settlements."""

import datetime
from dataclasses import replace

import numpy as np

from cosim.grid.charges import usage_charges
from cosim.market.settlement import PriceParts, WholesaleTerms, settle
from cosim.records import (
    AGGREGATOR,
    Calendar,
    Clearing,
    Exogenous,
    Fleet,
    Floats,
    Orders,
    Signal,
    State,
    Trades,
    World,
)
from cosim.results import (
    BalancingOffer,
    DayRecord,
    Dispatch,
    GridState,
    IntervalRecord,
    NetworkPrices,
    Reason,
    Validation,
    Verdict,
    WholesaleBid,
)
from cosim.run_facts import RunFacts
from cosim.run_folder import RunContent
from cosim.run_tables import RunRecords
from cosim.scenario import Scenario, Tariff
from networks.feeder import Feeder

ENVIRONMENTS, PROSUMERS, PER_DAY, DAYS = 2, 3, 4, 2
INTERVALS = PER_DAY * DAYS
INTERVAL_H = 0.25


def played_run(feeder: Feeder, seed: int = 0) -> RunContent:
    """Return a run of two short days whose numbers are random but whose money is settled."""
    random = np.random.default_rng(seed)
    scenario = Scenario()
    records = played_records(feeder, random, scenario.tariff)
    now = datetime.datetime(2016, 6, 13, 12, tzinfo=datetime.UTC)
    return RunContent(
        scenario=scenario,
        records=records,
        without_validation=replace(records, days=records.days[:1]),
        metrics={"with_validation": {"intervals": float(INTERVALS)}},
        facts=RunFacts(
            started=now,
            finished=now + datetime.timedelta(seconds=2.5),
            pandapower_states=INTERVALS,
            pandapower_voltage_pu=2e-9,
            pandapower_loading_percent=3e-7,
        ),
    )


def played_records(feeder: Feeder, random: np.random.Generator, tariff: Tariff) -> RunRecords:
    """Return records of random trades; about one price in four is below zero."""
    world = random_world(feeder, random)
    days = []
    for day in range(DAYS):
        first = day * PER_DAY
        bid = random_bid(feeder, random)
        records = [
            random_interval(
                feeder, world, random, (number, bid.validated_kwh[number - first]), tariff
            )
            for number in range(first, first + PER_DAY)
        ]
        price = random.normal(0.1, 0.1, (PER_DAY, ENVIRONMENTS))
        days.append(DayRecord(first, Signal(price + 0.05, price), bid, tuple(records)))
    return RunRecords(feeder, world, days, tariff)


def random_world(feeder: Feeder, random: np.random.Generator) -> World:
    """Return a world whose profiles reach two intervals beyond the run."""
    shape = (INTERVALS + 2, ENVIRONMENTS, PROSUMERS)
    power, price = random.random(shape), random.normal(0.05, 0.1, shape[:2])
    passive = random.random((*shape[:2], feeder.bus_count))
    whole = np.zeros(shape, np.int64)
    exogenous = Exogenous(
        *(power, power, power, power, whole, power, passive, passive, price, price + 0.01)
    )
    each = np.ones((ENVIRONMENTS, PROSUMERS))
    bus = np.tile(np.array([1, 2, 2]), (ENVIRONMENTS, 1))
    start = np.datetime64("2016-06-12T22:00", "m")
    calendar = Calendar(
        start_utc=start + np.arange(shape[0]) * np.timedelta64(15, "m"),
        local_hour=np.arange(shape[0], dtype=np.float64) * INTERVAL_H,
        day_start=np.arange(DAYS + 1) * PER_DAY,
        interval_h=INTERVAL_H,
        time_zone="Europe/Berlin",
    )
    return World(
        fleet=Fleet(bus, *(each for _ in range(16))),
        actual=exogenous,
        forecast=exogenous,
        calendar=calendar,
        day_ahead_label="synthetic (calm)",
        imbalance_label="synthetic (calm)",
    )


def random_bid(feeder: Feeder, random: np.random.Generator) -> WholesaleBid:
    """Return a bid that an overload of the second line cuts now and then."""
    shape = (PER_DAY, ENVIRONMENTS)
    offered = random.normal(0.0, 5.0, shape)
    powers = random.random((4, *shape, feeder.bus_count))
    judged = _random_verdicts(random)
    cut = judged["verdict"] == Verdict.CURTAILED
    return WholesaleBid(
        offered_kwh=offered,
        validated_kwh=np.where(cut, 0.5 * offered, offered),
        **judged,
        price=np.where(cut[:, :, None], powers[3], 0.0),
        firm_bus_kw=powers[3] - 1.0,
        offered_bus_kw=powers[0],
        validated_bus_kw=powers[1],
        bus_kvar=powers[2],
        up=_random_offer(feeder, random),
        down=_random_offer(feeder, random),
    )


def _random_offer(feeder: Feeder, random: np.random.Generator) -> BalancingOffer:
    shape = (PER_DAY, ENVIRONMENTS)
    judged, offered = _random_verdicts(random), random.random(shape)
    cut = judged["verdict"] == Verdict.CURTAILED
    return BalancingOffer(
        offered_kwh=offered,
        feasible_kwh=np.where(cut, 0.25 * offered, offered),
        **judged,
        bus_kw=random.random((*shape, feeder.bus_count)),
    )


def _random_verdicts(random: np.random.Generator) -> dict[str, np.ndarray]:
    cut = random.random((PER_DAY, ENVIRONMENTS)) < 0.5
    return {
        "verdict": np.where(cut, Verdict.CURTAILED, Verdict.ACCEPTED),
        "reason": np.where(cut, Reason.LINE_OVERLOAD, Reason.NONE),
        "element": np.where(cut, 1, -1),
        "shadow": np.where(cut, random.random(cut.shape), 0.0),
    }


def random_trades(random: np.random.Generator) -> Trades:
    """Return local trades and legs with the aggregator, none with oneself."""
    pairs = [(s, b) for s in range(-1, PROSUMERS) for b in range(-1, PROSUMERS) if s != b]
    chosen = [random.permutation(len(pairs))[:5] for _ in range(ENVIRONMENTS)]
    seller, buyer = np.array(pairs)[np.concatenate(chosen)].T
    count = len(seller)
    price = random.normal(0.1, 0.15, count)
    return Trades(
        start=np.arange(ENVIRONMENTS + 1) * 5,
        environment=np.repeat(np.arange(ENVIRONMENTS), 5),
        seller=seller,
        buyer=buyer,
        cleared_kwh=random.random(count) + 0.1,
        price_eur_per_kwh=price,
        ask_eur_per_kwh=price - 0.05,
        bid_eur_per_kwh=price + 0.3,
        fee_eur_per_kwh=np.where(buyer == AGGREGATOR, 0.0, 0.1),
        firm=(random.random(count) < 0.5) & (buyer != AGGREGATOR),
        placed=np.arange(count),
    )


def random_validation(feeder: Feeder, random: np.random.Generator, trades: Trades) -> Validation:
    """Return verdicts: overvoltage at bus position 2 curtails, an overload of line 0 rejects."""
    verdict = random.integers(0, 3, len(trades.seller))
    share = np.choose(verdict, [1.0, 0.4, 0.0])
    reason = np.choose(verdict, [Reason.NONE, Reason.OVERVOLTAGE, Reason.LINE_OVERLOAD])

    def buses() -> Floats:
        return random.normal(1.0, 0.02, (ENVIRONMENTS, feeder.bus_count))

    solved = np.ones(ENVIRONMENTS, bool)
    slack = random.random(ENVIRONMENTS)
    return Validation(
        accepted_kwh=trades.cleared_kwh * share,
        verdict=verdict,
        reason=reason,
        element=np.choose(verdict, [-1, 2, 0]),
        shadow_eur_per_kwh=random.random(len(verdict)),
        voltage_eur_per_kwh=random.random((ENVIRONMENTS, feeder.bus_count)),
        congestion_eur_per_kwh=random.random((ENVIRONMENTS, feeder.bus_count)),
        net_kwh=random.normal(0.0, 1.0, (ENVIRONMENTS, PROSUMERS)),
        bus_kw=buses(),
        bus_kvar=buses(),
        state=GridState(
            node_voltage_pu=buses().astype(complex),
            voltage_pu=buses(),
            loading_percent=100.0 * random.random((ENVIRONMENTS, feeder.branch_count)),
            slack_kw=slack,
            slack_kvar=slack,
            loss_kw=slack,
            converged=solved,
            iterations=np.full(ENVIRONMENTS, 4),
        ),
        secure=solved,
        preexisting=~solved,
    )


def random_interval(
    feeder: Feeder,
    world: World,
    random: np.random.Generator,
    sold: tuple[int, Floats],
    tariff: Tariff,
) -> IntervalRecord:
    """Return an interval: random but for its settlement. `sold` is its number and schedule."""
    number, sold_kwh = sold
    trades = random_trades(random)
    validation = random_validation(feeder, random, trades)
    parts = PriceParts(
        tariff.energy_eur_per_kwh,
        tariff.network_fee_eur_per_kwh,
        tariff.levies_eur_per_kwh,
        tariff.local_network_fee_eur_per_kwh,
        tariff.local_levies_eur_per_kwh,
    )
    terms = WholesaleTerms(
        sold_kwh=sold_kwh,
        day_ahead_eur_per_kwh=world.actual.day_ahead_eur_per_kwh[number],
        imbalance_eur_per_kwh=world.actual.imbalance_eur_per_kwh[number],
        two_price=False,
    )
    each = random.random((6, ENVIRONMENTS, PROSUMERS))
    curve = random.random((ENVIRONMENTS, PROSUMERS, 5))
    nothing = np.zeros((ENVIRONMENTS, feeder.bus_count))
    prices = NetworkPrices(
        energy_eur_per_kwh=terms.day_ahead_eur_per_kwh,
        loss_eur_per_kwh=nothing,
        voltage_eur_per_kwh=validation.voltage_eur_per_kwh,
        congestion_eur_per_kwh=validation.congestion_eur_per_kwh,
    )
    charges = usage_charges(trades, validation.accepted_kwh, prices, world.fleet.bus)
    return IntervalRecord(
        interval=number,
        orders=Orders(each[0], curve, curve),
        envelopes=None,
        clearing=Clearing(random.random(ENVIRONMENTS), each[1], trades),
        validation=validation,
        charges=charges,
        dispatch=Dispatch(*each),
        settlement=settle(trades, validation, charges, parts, terms, interval_h=INTERVAL_H),
        state=State(number + 1, each[3], each[4], each[5]),
    )
