"""Which feeders tests go through: a few always, all of them when there is time."""

import functools
from typing import Any

import pytest

from networks.catalog import feeder_names, load_feeder
from networks.feeder import Feeder

FEW = ("cigre_lv", "cigre_mv", "ieee33", "kerber_dorfnetz", "three_bus")


@functools.cache
def feeder_of(name: str) -> Feeder:
    """Return a feeder of the catalogue, compiled once."""
    return load_feeder(name)


def every_feeder(*, quick: tuple[str, ...] = FEW) -> list[Any]:
    """Return all names as parameters; those that are not `quick` are marked slow."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow)
        for name in feeder_names()
    ]
