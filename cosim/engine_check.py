"""Solve states again with pandapower and with power-grid-model, and say how far they lie apart."""

from dataclasses import dataclass

from cosim.records import Floats
from networks.errors import NotConverted
from networks.feeder import Feeder
from networks.reference import ReferenceCheck, resolve
from networks.second_opinion import compare

VOLTAGE_TOLERANCE_PU = 1e-8
LOADING_TOLERANCE_POINTS = 1e-5
ENGINES = {"pandapower": resolve, "power-grid-model": compare}


@dataclass(frozen=True, slots=True)
class EngineCheck:
    """How far an engine's solution lies from what was found before."""

    engine: str
    found: ReferenceCheck
    cannot: tuple[str, ...] = ()  # sentences: what of the net the engine cannot hold

    @property
    def agrees(self) -> bool:
        """Whether every state was solved and no difference is beyond tolerance; NaN is not.

        An engine that cannot hold the net says nothing against what was found before.
        """
        if self.cannot:
            return True
        return (
            self.found.unsolved == 0
            and self.found.voltage_pu <= VOLTAGE_TOLERANCE_PU
            and self.found.loading_percentage_points <= LOADING_TOLERANCE_POINTS
        )


def ask_engines(
    reference: str,
    feeder: Feeder,
    *,
    bus_kw: Floats,
    bus_kvar: Floats,
    voltage_pu: Floats,
    loading_percent: Floats,
) -> tuple[EngineCheck, ...]:
    """Return what each engine says of T states: powers (T, K), voltages (T, K), loadings (T, L).

    `reference` is a name or path that `networks.catalog.build_net` opens.
    """
    states = {
        "bus_kw": bus_kw,
        "bus_kvar": bus_kvar,
        "voltage_pu": voltage_pu,
        "loading_percent": loading_percent,
    }
    found = []
    for name, engine in ENGINES.items():
        try:
            found.append(EngineCheck(name, engine(reference, feeder, **states)))
        except NotConverted as error:
            nothing = ReferenceCheck(0, 0, 0.0, 0.0, 0.0)
            found.append(EngineCheck(name, nothing, error.problems))
    return tuple(found)
