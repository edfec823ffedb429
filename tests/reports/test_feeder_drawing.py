"""Where buses are drawn, and what the drawing of one or several states says."""

import re
from dataclasses import replace

import numpy as np
import pytest

from cosim.reports.feeder_canvas import MARGIN, canvas_of
from cosim.reports.feeder_drawing import Panel, feeder_drawing
from cosim.reports.feeder_labels import sides_in_pixels
from cosim.reports.feeder_layout import coordinates_of, joints
from cosim.reports.feeder_places import FEW_BUSES, fineness, own_places, shrink_of_degrees
from networks.catalog import build_net, load_feeder
from networks.feeder import Feeder
from tests.reports.sample_feeder import Options, sample_feeder


def state(feeder: Feeder) -> Panel:
    """Return a state: every bus half way between its limits, every branch at 40 %."""
    middle = (feeder.voltage_min_pu + feeder.voltage_max_pu) / 2.0
    return Panel("Base case", middle, np.full(feeder.branch_count, 40.0))


def row_of(buses: int) -> Feeder:
    """Return a feeder with many buses in a row, one unit apart."""
    return replace(
        sample_feeder(Options()),
        bus_index=np.arange(buses),
        bus_name=("",) * buses,
        bus_x=np.arange(buses, dtype=float),
        bus_y=np.full(buses, 10.0),
        node_of_bus=np.arange(buses),
        voltage_min_pu=np.full(buses, 0.9),
        voltage_max_pu=np.full(buses, 1.1),
        branch_kind=np.zeros(buses - 1, dtype=np.int64),
        branch_index=np.arange(buses - 1),
        branch_name=("",) * (buses - 1),
        branch_from=np.arange(buses - 1),
        branch_to=np.arange(1, buses),
        loading_max_percent=np.full(buses - 1, 100.0),
        slack_node=0,
    )


def test_a_map_of_many_buses_keeps_its_coordinates_and_draws_them_finer() -> None:
    feeder = row_of(1500)
    x, y, own = coordinates_of(feeder)
    assert own
    assert np.array_equal(x, feeder.bus_x)
    assert np.array_equal(y, feeder.bus_y)
    assert fineness(FEW_BUSES) == 1.0
    assert fineness(4 * FEW_BUSES) == pytest.approx(0.5)
    svg = feeder_drawing(feeder, [state(feeder)]).svg
    assert len(re.findall("<text", svg)) == 3  # heading, supply, the highest loading
    assert 'r="1.2"' in svg


def test_buses_that_coincide_are_moved_apart_and_the_others_stay() -> None:
    feeder = row_of(200)
    x = feeder.bus_x.copy()
    x[7] = x[6]
    found = own_places(replace(feeder, bus_x=x))
    assert found is not None
    apart = np.hypot(found[0][7] - found[0][6], found[1][7] - found[1][6])
    assert apart > 0.0
    kept = np.delete(np.arange(200), [6, 7])
    assert np.array_equal(found[0][kept], x[kept])


def test_coordinates_of_which_most_coincide_are_none() -> None:
    feeder = row_of(200)
    assert own_places(replace(feeder, bus_x=feeder.bus_x // 4)) is None


def test_own_coordinates_have_one_scale_and_lie_inside_the_picture() -> None:
    feeder = load_feeder("cigre_lv")
    canvas = canvas_of(feeder, 500.0)
    assert canvas.own
    right = np.polyfit(feeder.bus_x, canvas.x, 1)[0]
    down = np.polyfit(feeder.bus_y, canvas.y, 1)[0]
    assert right == pytest.approx(-down * shrink_of_degrees(feeder.bus_x, feeder.bus_y))
    assert canvas.x.min() >= MARGIN - 1e-9
    assert canvas.x.max() <= 500.0 - MARGIN + 1e-9
    assert canvas.y.min() >= 0.0
    assert canvas.y.max() <= canvas.height


def test_a_degree_of_longitude_is_shorter_away_from_the_equator() -> None:
    x, y = np.array([8.0, 8.1]), np.array([60.0, 60.0])
    assert shrink_of_degrees(x, y) == pytest.approx(0.5)
    assert shrink_of_degrees(x * 1e4, y * 1e4) == 1.0  # metres


def test_the_caption_says_which_state_is_seen() -> None:
    feeder = sample_feeder(Options())
    several = feeder_drawing(feeder, [state(feeder)] * 2).caption
    assert "over the intervals" in several
    alone = feeder_drawing(feeder, [state(feeder)], shown="The base case.").caption
    assert alone.startswith("The base case. The wider")
    assert "interval" not in alone


def test_buses_at_one_place_share_a_label() -> None:
    feeder = load_feeder("cigre_lv")
    svg = feeder_drawing(feeder, [state(feeder)]).svg
    assert ">0, 1, 20, 23</text>" in svg
    assert len(re.findall("<circle", svg)) == feeder.bus_count


def test_closed_switches_are_drawn_and_supplies_are_not_joined() -> None:
    feeder = load_feeder("ieee13")
    closed = build_net("ieee13").switch.query("closed and et == 'b'")
    x, y, _own = coordinates_of(feeder)
    number = feeder.bus_index
    drawn = {frozenset((int(number[a]), int(number[b]))) for a, b in joints(feeder, x, y)}
    assert drawn == {frozenset(map(int, pair)) for pair in closed[["bus", "element"]].to_numpy()}
    svg = feeder_drawing(feeder, [state(feeder)]).svg
    assert len(re.findall('class="switch"', svg)) == len(drawn) > 0


def test_long_labels_keep_away_from_the_next_bus() -> None:
    """On a straight trunk whose buses lie close, a long number stands above or below."""
    feeder = replace(row_of(6), bus_index=np.arange(800, 806))
    across, up = 30.0 * np.arange(6.0), np.zeros(6)
    sides = sides_in_pixels(feeder, across, up, [str(bus) for bus in feeder.bus_index])
    assert all("center" in side for side in sides[1:-1])
