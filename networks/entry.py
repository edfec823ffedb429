"""What the catalogue knows of a feeder: how it is made and what is told about it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandapower as pp

from networks.compile import Description
from networks.inspection import find_problems
from networks.limits import Limits
from networks.net_devices import NetDevices, no_devices
from networks.take_devices import take_devices

PRESET = Limits(voltage_min_pu=0.9, voltage_max_pu=1.1, loading_max_percent=100.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """How a feeder is made and what is told about it."""

    description: Description
    build: Callable[[], pp.pandapowerNet]  # as published
    limits: Limits | Callable[[pp.pandapowerNet], Limits] = PRESET
    load_scaling: float = 1.0  # applied to the published loads
    load_scaling_reason: str = ""
    assume_ratings: Callable[[pp.pandapowerNet], None] | None = None  # patches the net in place
    zones: Callable[[pp.pandapowerNet], dict[int, str]] | None = None  # by bus number
    remark: str = ""  # what a user must know before using it, one sentence
    notes: tuple[str, ...] = ()  # what was assumed while reading it, sentences for people
    transformer_ratings_assumed: bool = False  # where `ratings_assumed` is not of lines alone
    with_devices: Callable[[], pp.pandapowerNet] | None = None  # where `build` leaves some out
    source_with_devices: str = ""  # the source's sentence then, where it is another
    left_out: str = ""  # what is then there and otherwise not, one sentence


EXISTING = "existing generation"
"""What a remark says of generators, which does not hold once prosumers own them."""


def told_of(entry: Entry, *, with_devices: bool) -> tuple[str, ...]:
    """Return what is to be told of an entry's net beside its ratings, one sentence each."""
    found = []
    if entry.load_scaling != 1.0:
        found.append(f"loads x {entry.load_scaling:g}: {entry.load_scaling_reason}")
    if entry.left_out and not with_devices:
        found.append(entry.left_out)
    if entry.remark and not (with_devices and EXISTING in entry.remark):
        found.append(entry.remark)
    return (*found, *entry.notes)


def equipped(entry: Entry) -> Entry:
    """Return an entry whose net holds all devices that are published."""
    if entry.with_devices is None:
        return entry
    source = entry.source_with_devices or entry.description.source
    return replace(
        entry, build=entry.with_devices, description=replace(entry.description, source=source)
    )


def build_owned(entry: Entry) -> tuple[pp.pandapowerNet, NetDevices, tuple[str, ...]]:
    """Return a net without the devices that prosumers can own, these, and notes on them.

    Nothing is taken out of a net that will be refused.
    """
    net = build_entry(equipped(entry))
    if find_problems(net):
        return net, no_devices(), ()
    devices, notes = take_devices(net)
    return net, devices, tuple(notes)


def build_entry(entry: Entry) -> pp.pandapowerNet:
    """Return the net of an entry: loads scaled and ratings patched as it says."""
    net = entry.build()
    net.load["scaling"] *= entry.load_scaling
    if entry.assume_ratings is not None:
        entry.assume_ratings(net)
    return net


def limits_of_entry(entry: Entry, net: pp.pandapowerNet) -> Limits:
    """Return the limits that an entry's feeder is judged by."""
    return entry.limits if isinstance(entry.limits, Limits) else entry.limits(net)
