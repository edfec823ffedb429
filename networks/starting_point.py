"""Where Newton's method starts on nets with regulators: the voltages without any current.

From a flat start, or one of angles alone, the first step of a net whose transformers raise the
voltage by several percent is so large that Newton's method may never return.
"""

from collections import deque
from typing import Any

import numpy as np
import pandapower as pp

from networks.feeder import Floats
from networks.malformed import in_service


def no_load_voltages(net: pp.pandapowerNet) -> Floats:
    """Return the voltage of every bus if nothing flowed, p.u., in the order of the table of buses.

    The voltage of the external grid times the ratios of the transformers on the way there, found
    by walking from bus to bus. Taps count by their rated voltages only, phase shifts not at all.
    Buses that are not reached have the mean of the external grids.
    """
    supply = net.ext_grid.loc[in_service(net.ext_grid)]
    found = {int(row.bus): float(row.vm_pu) for row in supply.itertuples()}
    mean = float(np.mean(list(found.values()))) if found else 1.0
    ways = _ways(net)
    waiting = deque(found)
    while waiting:
        bus = waiting.popleft()
        for other, ratio in ways.get(bus, ()):
            if other not in found:
                found[other] = found[bus] * ratio
                waiting.append(other)
    return np.array([found.get(int(bus), mean) for bus in net.bus.index])


def _ways(net: pp.pandapowerNet) -> dict[int, list[tuple[int, float]]]:
    """Return to which buses each bus is joined, and by what its voltage in p.u. is multiplied."""
    ways: dict[int, list[tuple[int, float]]] = {}

    def join(start: Any, end: Any, ratio: float) -> None:
        ways.setdefault(int(start), []).append((int(end), ratio))
        ways.setdefault(int(end), []).append((int(start), 1.0 / ratio))

    line = net.line.loc[in_service(net.line)]
    for start, end in zip(line.from_bus, line.to_bus, strict=True):
        join(start, end, 1.0)
    closed = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    for start, end in zip(closed.bus, closed.element, strict=True):
        join(start, end, 1.0)
    trafo = net.trafo.loc[in_service(net.trafo)]
    high = trafo.vn_hv_kv / trafo.hv_bus.map(net.bus.vn_kv)
    low = trafo.vn_lv_kv / trafo.lv_bus.map(net.bus.vn_kv)
    for start, end, ratio in zip(trafo.hv_bus, trafo.lv_bus, low / high, strict=True):
        join(start, end, float(ratio))
    return ways
