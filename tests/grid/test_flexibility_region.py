"""The feasible operating region: closed forms, known numbers, and what must always hold."""

import dataclasses
import functools

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.grid import flexibility_polygon as polygons
from cosim.grid import limits
from cosim.grid.flexibility_controls import Providers
from cosim.grid.flexibility_region import OperatingRegion, operating_regions
from cosim.grid.power_flow import PowerFlow
from cosim.records import Floats
from cosim.results import Reason
from networks.compile import Description, compile_net
from networks.reference import resolve
from tests.region_cases import Case, boxes, low_voltage_day, medium_voltage, with_limits

RESISTANCE, REACTANCE, VOLTS, CURRENT_KA = 4.0, 3.0, 20.0, 0.2


def regions_of(
    case: Case, *, directions: int = 24, cure: bool = False
) -> tuple[OperatingRegion, ...]:
    return operating_regions(
        case.power_flow,
        case.providers,
        case.fixed_kw,
        case.fixed_kvar,
        directions=directions,
        cure=cure,
    )


@functools.cache
def medium_voltage_region() -> OperatingRegion:
    return regions_of(medium_voltage())[0]


@functools.cache
def one_line(low: float, high: float, loading: float) -> PowerFlow:
    """Return a slack at 1 p.u. and one line to one bus."""
    net = pp.create_empty_network(sn_mva=1.0)
    first, second = pp.create_bus(net, vn_kv=VOLTS), pp.create_bus(net, vn_kv=VOLTS)
    pp.create_ext_grid(net, first)
    pp.create_line_from_parameters(
        net, first, second, 1.0, RESISTANCE, REACTANCE, c_nf_per_km=0.0, max_i_ka=CURRENT_KA
    )
    pp.create_load(net, second, p_mw=1.0)
    told = Description("line", "line", "", ratings_assumed=False, ratings_source="")
    return PowerFlow(with_limits(compile_net(net, told), low, high, loading=loading))


def closed_form(drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slack MVA, voltage and loading of the line for drawn power (P, 2) in MW and Mvar."""
    impedance = np.array([RESISTANCE, REACTANCE]) / VOLTS**2
    half = 0.5 - drawn @ impedance
    squared = half + np.sqrt(half**2 - (impedance**2).sum() * (drawn**2).sum(axis=1))
    current = (drawn**2).sum(axis=1) / squared
    ampere = np.sqrt(current) / (np.sqrt(3.0) * VOLTS)
    return drawn + current[:, None] * impedance, np.sqrt(squared), 100.0 * ampere / CURRENT_KA


def on_the_line(power_flow: PowerFlow, providers: Providers) -> OperatingRegion:
    nothing = np.zeros((len(providers.base_kw), 2))
    return operating_regions(power_flow, providers, nothing, nothing)[0]


@pytest.mark.parametrize(
    ("low", "high", "loading"), [(0.5, 1.5, 1e6), (0.5, 1.5, 60.0), (0.95, 1.04, 1e6)]
)
def test_one_line_has_its_closed_form(low: float, high: float, loading: float) -> None:
    middle = (np.arange(400) + 0.5) / 400.0
    mesh = np.stack(np.meshgrid(-6.0 + 10.0 * middle, -4.0 + 7.0 * middle), axis=-1)
    slack, voltage, percent = closed_form(mesh.reshape(-1, 2))
    kept = (voltage >= low) & (voltage <= high) & (percent <= loading)
    # The area of the image: the integral of the determinant over what is kept.
    by_q, by_p = np.gradient(slack.reshape(mesh.shape), axis=(0, 1))
    cell = np.abs(by_p[..., 0] * by_q[..., 1] - by_p[..., 1] * by_q[..., 0])
    region = on_the_line(
        one_line(low, high, loading), boxes(np.array([1]), (-6000.0, -4000.0), (4000.0, 3000.0))
    )
    assert region.area_mw_mvar == pytest.approx(cell.ravel()[kept].sum(), rel=0.012)
    assert region.contains(*(1e3 * slack[kept][::100].T), within_kva=100.0).all()
    assert region.up_kw == pytest.approx(-1e3 * slack[kept][:, 0].min(), abs=40.0)
    assert region.down_kw == pytest.approx(1e3 * slack[kept][:, 0].max(), abs=40.0)


def test_without_flexibility_the_region_is_the_base_point() -> None:
    case = medium_voltage()
    region = regions_of(
        dataclasses.replace(case, providers=boxes(case.providers.bus, (0.0, 0.0), (0.0, 0.0)))
    )[0]
    assert region.corners.tolist() == [[region.base_kw, region.base_kvar]]
    assert (region.area_mw_mvar, region.up_kw, region.down_kw) == (0.0, 0.0, 0.0)
    assert region.base_inside
    assert region.power_flows < 5


def test_fixed_ratios_leave_a_line() -> None:
    ratio = dataclasses.replace(
        boxes(np.array([1]), (-2000.0, 0.0), (2000.0, 0.0)), kvar_per_kw=np.array([0.3])
    )
    region = on_the_line(one_line(0.5, 1.5, 1e6), ratio)
    assert region.provider_kvar == pytest.approx(0.3 * region.provider_kw)
    assert abs(region.area_mw_mvar) < 0.1
    assert sorted(region.provider_kw[:, 0])[:: len(region.kw) - 1] == pytest.approx([-2000, 2000])


def test_apparent_power_is_a_circle() -> None:
    box = boxes(np.array([1]), (-3000.0, -3000.0), (3000.0, 3000.0))
    region = on_the_line(
        one_line(0.5, 1.5, 1e6), dataclasses.replace(box, most_kva=np.array([[2000.0]]))
    )
    size = np.hypot(region.provider_kw, region.provider_kvar)
    assert size.max() <= 2000.0 + 1e-6
    corners = 16.0
    polygon = 0.5 * corners * np.sin(2.0 * np.pi / corners) * 4.0
    assert region.area_mw_mvar == pytest.approx(polygon, rel=0.03)


def test_providers_at_one_bus_are_as_one() -> None:
    power_flow = one_line(0.95, 1.04, 80.0)
    one = on_the_line(power_flow, boxes(np.array([1]), (-3000.0, -1500.0), (2000.0, 1000.0)))
    three = boxes(np.array([1, 1, 1]), (-1000.0, -500.0), (2000.0 / 3.0, 1000.0 / 3.0))
    several = on_the_line(power_flow, three)
    assert several.corners == pytest.approx(one.corners, abs=1e-6)
    assert several.provider_kw.sum(axis=1) == pytest.approx(one.provider_kw[:, 0], abs=1e-6)
    assert np.all(several.provider_kw >= -1000.0)
    assert np.all(several.provider_kw <= 2000.0 / 3.0 + 1e-9)


def test_the_medium_voltage_region_is_the_known_one() -> None:
    region = medium_voltage_region()
    # Known from a search that converged less far: 128.8 MW Mvar, an inner estimate.
    assert 128.8 < region.area_mw_mvar < 142.0
    assert region.area_mw_mvar + region.gap_mw_mvar < 143.0
    assert region.base_secure
    assert region.base_inside
    assert {Reason.OVERVOLTAGE, Reason.LINE_OVERLOAD} <= set(region.reason.tolist())


def test_uniform_samples_cover_a_third_of_it() -> None:
    case = medium_voltage().brute_force()
    draws = np.random.default_rng(0).random((600, len(case.least)))
    slack, excess = case.solve(case.least + draws * (case.most - case.least))
    feasible = slack[limits.within(excess)] / 1e3
    # Known: 327 feasible ones that cover 46.3 MW Mvar; a hull of random points scatters.
    assert len(feasible) == pytest.approx(327, abs=40)
    assert polygons.area(feasible[polygons.hull(feasible)]) == pytest.approx(46.3, rel=0.25)


def test_no_feasible_corner_of_the_devices_lies_outside() -> None:
    slack, excess = medium_voltage().brute_force().corner_samples(2000, seed=0)
    feasible = slack[limits.within(excess)]
    assert len(feasible) > 300
    assert medium_voltage_region().contains(*feasible.T).all()


def test_corners_keep_the_limits_in_pandapower() -> None:
    case, region = medium_voltage(), medium_voltage_region()
    state = case.power_flow.solve(region.bus_kw, region.bus_kvar)
    assert limits.within(limits.excess(case.power_flow.feeder, state)).all()
    assert state.slack_kw == pytest.approx(region.kw, abs=1e-6)
    assert state.slack_kvar == pytest.approx(region.kvar, abs=1e-6)
    check = resolve(
        "cigre_mv",
        case.power_flow.feeder,
        bus_kw=region.bus_kw,
        bus_kvar=region.bus_kvar,
        voltage_pu=state.voltage_pu,
        loading_percent=state.loading_percent,
    )
    assert check.unsolved == 0
    assert check.voltage_pu < 1e-8
    assert check.loading_percentage_points < 1e-5


def test_corners_are_what_the_providers_do() -> None:
    case, region = medium_voltage(), medium_voltage_region()
    drawn = np.repeat(case.fixed_kw, len(region.kw), axis=0)
    drawn[:, case.providers.bus] += region.provider_kw
    assert region.bus_kw == pytest.approx(drawn, abs=1e-6)
    for unit in ("kw", "kvar"):
        least, most = (getattr(case.providers, f"{end}_{unit}") for end in ("least", "most"))
        given = getattr(region, f"provider_{unit}")
        assert np.all((given >= least - 1e-9) & (given <= most + 1e-9))


@settings(max_examples=6)
@given(low=st.floats(0.9, 0.99), high=st.floats(1.01, 1.1), wider=st.floats(0.005, 0.02))
def test_looser_limits_never_shrink_the_region(low: float, high: float, wider: float) -> None:
    feeder = one_line(0.5, 1.5, 1e6).feeder
    providers = boxes(np.array([1]), (-6000.0, -4000.0), (4000.0, 3000.0))
    areas = [
        on_the_line(PowerFlow(with_limits(feeder, low - more, high + more)), providers).area_mw_mvar
        for more in (0.0, wider)
    ]
    assert areas[0] <= 1.005 * areas[1]


def test_a_day_is_many_single_intervals() -> None:
    case = low_voltage_day(intervals=2, size=1.0)
    together = regions_of(case, directions=8)
    picked = {
        name: getattr(case.providers, name)[1:2]
        for name in ("least_kw", "most_kw", "base_kw", "least_kvar", "most_kvar", "base_kvar")
    }
    alone = operating_regions(
        case.power_flow,
        Providers(case.providers.bus, **picked),
        case.fixed_kw[1:2],
        case.fixed_kvar[1:2],
        directions=8,
    )[0]
    assert alone.area_mw_mvar == pytest.approx(together[1].area_mw_mvar, rel=5e-3)
    assert all(region.base_inside for region in together)


def test_a_committed_schedule_moves_the_base_and_not_the_region() -> None:
    case = low_voltage_day(intervals=1, size=1.0)
    committed = dataclasses.replace(case.providers, base_kw=0.5 * case.providers.least_kw)
    free = regions_of(case)[0]
    bound = regions_of(dataclasses.replace(case, providers=committed))[0]
    assert bound.base_kw < free.base_kw - 100.0
    assert bound.area_mw_mvar == pytest.approx(free.area_mw_mvar, rel=0.01)
    assert bound.up_kw < free.up_kw
    assert bound.down_kw > free.down_kw


def broken_base() -> Case:
    """A line with too low a voltage at its end, which its provider could cure."""
    power_flow = one_line(0.97, 1.1, 1e6)
    fixed = np.array([[0.0, 4000.0]])
    return Case(
        power_flow, boxes(np.array([1]), (-3000.0, -1000.0), (1000.0, 1000.0)), fixed, 0.2 * fixed
    )


def test_what_is_broken_may_not_get_worse_or_has_to_be_cured() -> None:
    case = broken_base()
    kept, cured = regions_of(case)[0], regions_of(case, cure=True)[0]
    assert not kept.base_secure
    assert kept.base_inside
    assert not cured.base_inside
    assert 0.0 < cured.area_mw_mvar < kept.area_mw_mvar
    state = case.power_flow.solve(cured.bus_kw, cured.bus_kvar)
    assert state.voltage_pu.min() >= 0.97 - limits.TOLERANCE
    worst = case.power_flow.solve(case.fixed_kw, case.fixed_kvar).voltage_pu.min()
    state = case.power_flow.solve(kept.bus_kw, kept.bus_kvar)
    assert state.voltage_pu.min() >= worst - limits.TOLERANCE


def test_without_a_power_flow_there_are_no_corners() -> None:
    case = broken_base()
    region = regions_of(dataclasses.replace(case, fixed_kw=case.fixed_kw * 20.0))[0]
    assert len(region.kw) == 0
    assert (region.area_mw_mvar, region.up_kw, region.range_kvar) == (0.0, 0.0, (0.0, 0.0))
    assert not region.contains(np.zeros(1), np.zeros(1)).any()


def test_everything_wrong_with_providers_is_told_at_once() -> None:
    wrong = dataclasses.replace(
        boxes(np.array([1]), (-10.0, 5.0), (10.0, 8.0)), base_kw=np.array([[20.0]])
    )
    with pytest.raises(ValueError, match=r"base_kw 20 .*-10 to 10; .*base_kvar 0 .*5 to 8"):
        on_the_line(one_line(0.5, 1.5, 1e6), wrong)
    with pytest.raises(ValueError, match=r"most_kw has shape \(1, 2\), needed is \(1, 1\)"):
        on_the_line(one_line(0.5, 1.5, 1e6), dataclasses.replace(wrong, most_kw=np.ones((1, 2))))
    with pytest.raises(ValueError, match="at least 4"):
        regions_of(broken_base(), directions=3)


@pytest.mark.slow
def test_the_sweep_finds_what_angle_and_radius_find() -> None:
    case, region = medium_voltage(), medium_voltage_region()
    hard = case.brute_force()
    found = hard.reach(np.zeros(22), angles=72, halvings=12)
    assert region.area_mw_mvar > 0.95 * polygons.area(found) / 1e6
    assert region.power_flows < 0.1 * hard.power_flows
    assert region.contains(*found.T, within_kva=250.0).all()
