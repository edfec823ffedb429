"""Low-voltage grids of Kerber, Lindner and Dickert, and the grids Oberrhein and Schutterwald."""

import contextlib
import importlib
import random
import warnings
from collections.abc import Callable, Iterator

import pandapower as pp
import pandapower.networks as pn

from networks.compile import Description
from networks.entry import Entry

KERBER_SEED = 0
KERBER_SOURCE = (
    "Kerber, Aufnahmefähigkeit von Niederspannungsverteilnetzen für die Einspeisung aus "
    "Photovoltaikkleinanlagen, dissertation, TU München, 2011, as in pandapower"
)
KERBER_RATINGS = "Line and transformer ratings of the standard types in pandapower."
EXTREME = "built to be weak: long lines, or a transformer too small for its loads"


def drawn(build: Callable[[], pp.pandapowerNet]) -> Callable[[], pp.pandapowerNet]:
    """Return a builder that draws the same net each time.

    pandapower draws the cables of house connections with the module-level generator, whose
    state is put back.
    """

    def same() -> pp.pandapowerNet:
        state = random.getstate()
        random.seed(KERBER_SEED)
        try:
            return build()
        finally:
            random.setstate(state)

    return same


def _kerber(
    name: str, title: str, build: Callable[[], pp.pandapowerNet], remark: str = ""
) -> Entry:
    return Entry(
        description=Description(
            name=name,
            title=title,
            source=KERBER_SOURCE,
            ratings_assumed=False,
            ratings_source=KERBER_RATINGS,
        ),
        build=drawn(build),
        remark=remark,
    )


_KERBER = {
    "landnetz_freileitung_1": "Kerber rural grid, overhead lines, 1",
    "landnetz_freileitung_2": "Kerber rural grid, overhead lines, 2",
    "landnetz_kabel_1": "Kerber rural grid, cables, 1",
    "landnetz_kabel_2": "Kerber rural grid, cables, 2",
    "dorfnetz": "Kerber village grid, low voltage, 57 house connections",
    "vorstadtnetz_kabel_1": "Kerber suburban grid, cables, 1",
    "vorstadtnetz_kabel_2": "Kerber suburban grid, cables, 2",
}
_EXTREME = {
    "landnetz_freileitung": "overhead lines",
    "landnetz_freileitung_trafo": "overhead lines, transformer",
    "landnetz_kabel": "rural cables",
    "landnetz_kabel_trafo": "rural cables, transformer",
    "dorfnetz": "village",
    "dorfnetz_trafo": "village, transformer",
    "vorstadtnetz_1": "suburb 1",
    "vorstadtnetz_2": "suburb 2",
    "vorstadtnetz_trafo_1": "suburb, transformer 1",
    "vorstadtnetz_trafo_2": "suburb, transformer 2",
}
_SYNTHETIC = ("rural_1", "rural_2", "village_1", "village_2", "suburb_1")


def _synthetic(kind: str) -> Entry:
    return Entry(
        description=Description(
            name=f"voltage_control_{kind}",
            title=f"Synthetic low-voltage grid for voltage control, {kind.replace('_', ' ')}",
            source=(
                "Lindner, Aigner, Witzmann and others, Aktuelle Musternetze zur Untersuchung von "
                "Spannungsproblemen in der Niederspannung, Symposium Energieinnovation, TU Graz, "
                "2014, as in pandapower"
            ),
            ratings_assumed=False,
            ratings_source=KERBER_RATINGS,
        ),
        build=lambda: pn.create_synthetic_voltage_control_lv_network(kind),
        remark="its solar panels are existing generation, see [feeder] existing_generation",
    )


_DICKERT = {
    "short_cable": ("short", "cable"),
    "middle_cable": ("middle", "cable"),
    "middle_overhead": ("middle", "C&OHL"),
    "long_cable": ("long", "cable"),
    "long_overhead": ("long", "C&OHL"),
}


def _dickert(key: str, reach: str, kind: str) -> Entry:
    words = "cables" if kind == "cable" else "cables and overhead lines"
    return Entry(
        description=Description(
            name=f"dickert_{key}",
            title=f"Dickert low-voltage grid, {reach} range, {words}, average case",
            source=(
                "Dickert, Domagk and Schegner, Benchmark low voltage distribution networks based "
                "on cluster analysis of actual grid properties, IEEE PowerTech, Grenoble, 2013, "
                "as in pandapower"
            ),
            ratings_assumed=True,
            ratings_source=(
                "Assumed: the publication gives no transformer; pandapower takes one of 0.4 MVA. "
                "Line ratings are those of standard types in pandapower."
            ),
        ),
        build=lambda: pn.create_dickert_lv_network(reach, kind, "multiple", "average"),
        remark="its loads are pandapower's choice: 10 kW a home, the more homes the less each",
        transformer_ratings_assumed=True,
    )


@contextlib.contextmanager
def unsolved(module: str) -> Iterator[None]:
    """Keep `pandapower.networks.<module>` from solving what it builds.

    It would compile numba kernels for one power flow, seconds, whose results nobody reads.
    """
    builder = importlib.import_module(f"pandapower.networks.{module}")
    solve = getattr(builder, "runpp", None)
    try:
        if solve is not None:
            builder.runpp = lambda _net: None  # type: ignore[attr-defined] # a name it imports
        yield
    finally:
        if solve is not None:
            builder.runpp = solve  # type: ignore[attr-defined]


def quietly(build: Callable[[], object]) -> pp.pandapowerNet:
    """Return what `build` returns; pandapower builds some nets from old files and warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        net = build()
    if not isinstance(net, pp.pandapowerNet):
        raise TypeError(type(net))
    return net


def build_oberrhein() -> pp.pandapowerNet:
    """Return Oberrhein in its load case, its solar plants at their installed power."""
    with unsolved("mv_oberrhein"):
        net = quietly(lambda: pn.mv_oberrhein(scenario="load"))
    net.sgen["scaling"] = 1.0
    return net


def build_schutterwald(*, heat_pumps: bool = False) -> pp.pandapowerNet:
    """Return Schutterwald, usually without heat pumps: the scenario adds its own."""
    with unsolved("lv_schutterwald"):
        return quietly(
            lambda: pn.lv_schutterwald(separation_by_sub=False, include_heat_pumps=heat_pumps)
        )


ENTRIES = (
    *(
        _kerber(f"kerber_{key}", title, getattr(pn, f"create_kerber_{key}"))
        for key, title in _KERBER.items()
    ),
    *(
        _kerber(
            f"kerber_extreme_{key}",
            f"Kerber extreme grid, {words}",
            getattr(pn, f"kb_extrem_{key}"),
            EXTREME,
        )
        for key, words in _EXTREME.items()
    ),
    *(_synthetic(kind) for kind in _SYNTHETIC),
    *(_dickert(key, *parts) for key, parts in _DICKERT.items()),
    Entry(
        description=Description(
            name="mv_oberrhein",
            title="Oberrhein medium-voltage grid, 20 kV, two substations, open rings, load case",
            source="pandapower (mv_oberrhein), a generic grid after one in south-west Germany",
            ratings_assumed=False,
            ratings_source="Line and transformer ratings of the net.",
        ),
        build=build_oberrhein,
        remark="its 153 solar plants are existing generation, see [feeder] existing_generation",
    ),
    Entry(
        description=Description(
            name="lv_schutterwald",
            title="Schutterwald low-voltage grid, 14 areas behind 14 substations, 1 506 loads",
            source="pandapower (lv_schutterwald), after the village of that name",
            ratings_assumed=False,
            ratings_source="Line and transformer ratings of the net.",
        ),
        build=build_schutterwald,
        with_devices=lambda: build_schutterwald(heat_pumps=True),
        left_out="the 1 251 heat pumps of the net are left out: a scenario adds its own",
        remark="all 14 substations are supplied at 0.965 p.u., as in the net",
    ),
)
