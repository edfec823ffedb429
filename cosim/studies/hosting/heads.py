"""Limits of criteria by bus and branch, and which bus the part of a feeder hangs on."""

import numpy as np

from cosim.records import Floats, Integers
from cosim.studies.hosting.criteria import NO_LIMIT, Criteria, Split
from cosim.studies.hosting.judge_kernel import Bounds
from networks.feeder import LINE, Feeder
from networks.homes import LOW_VOLTAGE_KV

HIGH_VOLTAGE_KV = 60.0


def bounds_of(feeder: Feeder, criteria: Criteria, *, is_series: bool) -> Bounds:
    """Return criteria by bus and branch; in a snapshot the tighter voltages hold always."""
    is_line = feeder.branch_kind == LINE
    low = feeder.bus_nominal_kv < LOW_VOLTAGE_KV
    primary = np.minimum(criteria.rise_max_pu, criteria.primary_rise_max_pu)
    rise = np.where(low, criteria.rise_max_pu, primary)
    drop = np.full(feeder.bus_count, criteria.drop_max_pu)
    head = np.full(feeder.bus_count, -1)
    if criteria.split is not None:
        head, rise, drop = _split_bounds(feeder, criteria.split)
    always = not is_series or criteria.share_of_time >= 1.0
    lowest, highest = criteria.voltage_lowest_pu, criteria.voltage_highest_pu
    if always:
        lowest = max(lowest, criteria.voltage_min_pu)
        highest = min(highest, criteria.voltage_max_pu)
    return Bounds(
        voltage_min_pu=criteria.voltage_min_pu,
        voltage_max_pu=criteria.voltage_max_pu,
        voltage_lowest_pu=lowest,
        voltage_highest_pu=highest,
        rise_pu=rise.astype(np.float64),
        drop_pu=drop.astype(np.float64),
        head=head.astype(np.int64),
        loading_percent=np.where(
            is_line, criteria.line_max_percent, criteria.transformer_max_percent
        ).astype(np.float64),
        is_line=is_line,
        reverse_flow_kw=criteria.reverse_flow_max_kw,
    )


def _split_bounds(feeder: Feeder, split: Split) -> tuple[Integers, Floats, Floats]:
    """Return the head (K,) of every bus, and how far it may rise above and fall below that.

    A low-voltage bus that a transformer feeds is a station and hangs on the bus above; other
    buses hang on the station, or on the head of the medium voltage. The supply, and whatever
    keeps its voltage, has no limits.
    """
    rise, drop = np.full(feeder.bus_count, NO_LIMIT), np.full(feeder.bus_count, NO_LIMIT)
    head = heads(feeder)
    low = feeder.bus_nominal_kv < LOW_VOLTAGE_KV
    hangs = head >= 0
    station = np.zeros(feeder.bus_count, np.bool_)
    station[hangs] = feeder.bus_nominal_kv[head[hangs]] > 1.5 * feeder.bus_nominal_kv[hangs]
    medium = ~low & (feeder.bus_nominal_kv < HIGH_VOLTAGE_KV)
    for which, above, below in (
        (hangs & medium & ~station, split.medium_rise_pu, split.medium_drop_pu),
        (hangs & low & station, split.station_rise_pu, split.station_drop_pu),
        (hangs & low & ~station, split.low_rise_pu, split.low_drop_pu),
    ):
        rise[which], drop[which] = above, below
    return head, rise, drop


def heads(feeder: Feeder) -> Integers:
    """Return for every bus the bus that its voltage level hangs on, (K,); -1 for the supply's.

    Of a transformer's lower side that is the bus above it, of all others the first bus of their
    level on the way from the supply.
    """
    node = feeder.node_of_bus
    ends = node[feeder.branch_from], node[feeder.branch_to]
    step = feeder.branch_kind != LINE
    head_of: dict[int, int] = {feeder.slack_node: -1}  # by node, a bus
    entry_of: dict[int, int] = {feeder.slack_node: _bus_at(node, feeder.slack_node)}
    reached = [feeder.slack_node]
    for here in reached:
        for branch in np.flatnonzero((ends[0] == here) | (ends[1] == here)):
            there = int(ends[1][branch] if ends[0][branch] == here else ends[0][branch])
            if there in head_of or there < 0:
                continue
            if step[branch]:
                near, far = feeder.branch_from[branch], feeder.branch_to[branch]
                if node[near] != here:
                    near, far = far, near
                head_of[there], entry_of[there] = int(near), int(far)
            else:
                head_of[there] = entry_of[there] = entry_of[here]
            reached.append(there)
    return np.array([head_of.get(int(each), -1) for each in node], np.int64)


def _bus_at(node_of_bus: Integers, node: int) -> int:
    return int(np.flatnonzero(node_of_bus == node)[0])


def outside_allowed(criteria: Criteria, points: int, *, is_series: bool) -> int:
    """Return how many of a week's points may lie outside the usual band; -1: it is not apart."""
    if not is_series or criteria.share_of_time >= 1.0:
        return -1
    return int(np.floor((1.0 - criteria.share_of_time) * points + 1e-9))
