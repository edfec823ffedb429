"""Reported extremes solved again with pandapower.

Of every lever: the scenarios with the least, the median and the largest capacity, at that
capacity; of single buses the weakest and the strongest. In a series at the moment that breaks first
above it; under a market lever at the moments of highest and lowest voltage and highest loading.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.studies.hosting.closer_look import just_above, moment
from cosim.studies.hosting.deployments import by_share
from cosim.studies.hosting.judge import Lever, Played
from cosim.studies.hosting.lever_choice import compared_levers
from cosim.studies.hosting.market_lever import MarketLever
from cosim.studies.hosting.nodal import nodal_deployments
from cosim.studies.hosting.rows import ALL, CAPACITY, NODE, picked
from cosim.studies.hosting.study import Shared
from cosim.studies.hosting.study_parts import REACH_MULTIPLE, Prepared, deployments_of
from networks.catalog import build_net
from networks.reference import ReferenceCheck, resolve


def check_extremes(shared: Shared, rows: Mapping[str, Any]) -> ReferenceCheck:
    """Return the largest differences between reported extremes and pandapower."""
    prepared = shared.prepared
    played = []
    for name in compared_levers(prepared.settings, shared.kinds):
        kind = shared.kinds[name]
        which = (rows["row"] == CAPACITY) & (rows["criterion"] == ALL) & (rows["lever"] == name)
        mine = picked(rows, which)
        for place in _extremes(mine["kw"]):
            number, level = int(mine["scenario"][place]), float(mine["kw"][place])
            reach = max(REACH_MULTIPLE * prepared.scale_kw, 1.1 * level)
            lever = kind.judging(prepared, deployments_of(prepared, [number], reach))
            if isinstance(lever, MarketLever):
                played.append(lever.extreme_states(np.array([level]), np.zeros(1, np.int64)))
            else:
                assert isinstance(lever, Lever)
                played.append(_state(prepared, lever, level))
    nodes = picked(rows, rows["row"] == NODE)
    if len(nodes["kw"]):
        nodal = nodal_deployments(prepared)
        for place in {_extremes(nodes["kw"])[0], _extremes(nodes["kw"])[2]}:
            share = nodal.share[np.flatnonzero(nodal.bus == nodes["scenario"][place])]
            layout = by_share(nodal.technology, share)
            lever = Lever(prepared.grid, prepared.criteria, layout)
            played.append(_state(prepared, lever, float(nodes["kw"][place])))
    return resolve(
        _net(prepared),
        prepared.feeder,
        bus_kw=np.concatenate([each.bus_kw for each in played]),
        bus_kvar=np.concatenate([each.bus_kvar for each in played]),
        voltage_pu=np.concatenate([each.state.voltage_pu for each in played]),
        loading_percent=np.concatenate([each.state.loading_percent for each in played]),
    )


def _extremes(kw: Any) -> tuple[int, int, int]:
    """Return where the least, the median and the largest value stand."""
    order = np.argsort(kw, kind="stable")
    return int(order[0]), int(order[(len(order) - 1) // 2]), int(order[-1])


def _state(prepared: Prepared, lever: Lever, level_kw: float) -> Played:
    """Return deployment 0 of a lever at a level, at the moment that breaks first above it."""
    point = moment(lever, 0, just_above(prepared, level_kw))
    grid = lever.grid.some(np.array([point]))
    installed = lever.installed(np.array([level_kw]), np.zeros(1, np.int64))
    return lever.play(grid.power_flow, grid.asked(installed, 0, 1))


def _net(prepared: Prepared) -> Any:
    """Return the net of the feeder, its supply at the voltage of the study."""
    settings = prepared.settings
    held = settings.window.slack_voltage_pu
    if held is None:
        return settings.feeder
    net = build_net(settings.feeder)
    net.ext_grid["vm_pu"] = held
    return net
