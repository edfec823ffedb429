"""Devices that a net already has and prosumers can own: a table of them, free of pandapower."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from networks.errors import NetworkError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SOLAR, STORAGE, VEHICLE, HEAT_PUMP = range(4)
WORDS = ("solar plant", "storage", "electric vehicle", "heat pump")
"""What a kind of device is called, one of it."""


@dataclass(frozen=True, slots=True, eq=False)
class NetDevices:
    """A table of `D` devices, one for each row of the net that was taken over.

    A storage may give its power or its capacity alone: the other is then NaN.
    """

    kind: Integers  # (D,) SOLAR, STORAGE, VEHICLE or HEAT_PUMP
    bus: Integers  # (D,) pandapower number
    power_kw: Floats  # (D,) installed solar power, charging power, nominal electric power
    capacity_kwh: Floats  # (D,) usable capacity of storages, 0 for all others

    def __len__(self) -> int:
        """Return the number of devices D."""
        return len(self.kind)

    def at(self, buses: Integers) -> "NetDevices":
        """Return the devices at `buses` (pandapower numbers) alone."""
        here = np.isin(self.bus, buses)
        return NetDevices(
            self.kind[here], self.bus[here], self.power_kw[here], self.capacity_kwh[here]
        )


def no_devices() -> NetDevices:
    """Return an empty table."""
    nowhere, nothing = np.zeros(0, np.int64), np.zeros(0)
    return NetDevices(nowhere, nowhere, nothing, nothing)


def told(devices: NetDevices) -> str:
    """Return what there is, e.g. "8 solar plants (210 kW), 2 storages (800 kW, 0 kWh)"."""
    return ", ".join(_each_kind(devices)) or "none"


def _each_kind(devices: NetDevices) -> Iterator[str]:
    for kind, word in enumerate(WORDS):
        mine = devices.kind == kind
        if not mine.any():
            continue
        size = f"{np.nansum(devices.power_kw[mine]):,.1f} kW"
        if kind == STORAGE:
            capacity = devices.capacity_kwh[mine]
            size += f", {np.nansum(capacity):,.1f} kWh" if np.isfinite(capacity).any() else ""
        count = int(mine.sum())
        yield f"{count} {word}{'s' if count > 1 else ''} ({size})"


def require_devices(devices: NetDevices | None, feeder: str) -> NetDevices:
    """Return `devices`; raise NetworkError where there are none."""
    if devices is None or not len(devices):
        raise NetworkError(
            f'community.source: "feeder" asked for; {feeder} has no solar plant, storage, '
            'electric vehicle or heat pump to make prosumers of; use "shares", or give prosumers '
            "by hand ([[prosumers]], --prosumers)"
        )
    return devices
