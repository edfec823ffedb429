"""Lines and transformers as pi circuits in ohm and siemens, from pandapower's tables alone."""

import numpy as np
import pandapower as pp
import pandas as pd
from numpy.typing import NDArray

from networks.feeder import Complexes, Floats


def line_circuits(line: pd.DataFrame, f_hz: float) -> tuple[Complexes, Complexes]:
    """Return series impedance (ohm) and total shunt admittance (siemens) of lines, (L,) each."""
    length, parallel = line.length_km.to_numpy(float), line.parallel.to_numpy(float)
    series = line.r_ohm_per_km.to_numpy(float) + 1j * line.x_ohm_per_km.to_numpy(float)
    charging = 2e-9 * np.pi * f_hz * line.c_nf_per_km.to_numpy(float)
    shunt = 1e-6 * numbers(line, "g_us_per_km", 0.0) + 1j * charging
    return series * length / parallel, shunt * length * parallel


def transformer_circuits(
    net: pp.pandapowerNet, trafo: pd.DataFrame
) -> tuple[Complexes, Complexes, Floats]:
    """Return impedance, total shunt admittance (seen from the second end) and ratio, (L,) each.

    The T circuit z/2, y, z/2 is the pi circuit ``z + z^2 y / 4`` with ``y / (2 + z y / 2)`` at
    either end (star-delta transformation). A tap at the low-voltage side scales the impedance
    with the square of the voltage. The ratio is per ratio of the buses' nominal voltages.
    """
    high_kv, low_kv = _tapped_kv(trafo, "hv"), _tapped_kv(trafo, "lv")
    parallel, rated_mva = trafo.parallel.to_numpy(float), trafo.sn_mva.to_numpy(float)
    whole, real = trafo.vk_percent.to_numpy(float), trafo.vkr_percent.to_numpy(float)
    share = (real + 1j * np.sqrt(whole**2 - real**2)) / 100.0
    series = share * low_kv**2 / rated_mva / parallel
    apparent = trafo.i0_percent.to_numpy(float) / 100.0 * rated_mva
    iron = trafo.pfe_kw.to_numpy(float) / 1e3
    reactive = np.sqrt(np.maximum(apparent**2 - iron**2, 0.0))
    magnetising = (iron - 1j * reactive) / low_kv**2 * parallel
    impedance = series + series**2 * magnetising / 4.0
    admittance = 2.0 * magnetising / (2.0 + series * magnetising / 2.0)
    nominal_kv = net.bus.vn_kv
    nominal = nominal_kv.loc[trafo.hv_bus].to_numpy() / nominal_kv.loc[trafo.lv_bus].to_numpy()
    return impedance, admittance, np.asarray(high_kv / low_kv / nominal)


def transformer_problems(trafo: pd.DataFrame) -> list[str]:
    """Return one sentence for each kind of transformer that `transformer_circuits` lacks."""
    unknown = {
        "tap changers other than Ratio": ~np.isin(_kinds_of_tap(trafo), ("", "Ratio")),
        "tap steps with an angle": numbers(trafo, "tap_step_degree", 0.0) != 0.0,
        "tap dependency tables": numbers(trafo, "tap_dependency_table", 0.0) != 0.0,
        "second tap changers": numbers(trafo, "tap2_pos", 0.0) != 0.0,
        "uneven leakage resistances": numbers(trafo, "leakage_resistance_ratio_hv", 0.5) != 0.5,
        "uneven leakage reactances": numbers(trafo, "leakage_reactance_ratio_hv", 0.5) != 0.5,
    }
    return [
        f"trafo {', '.join(str(row) for row in trafo.index[where])}: {words} are not converted"
        for words, where in unknown.items()
        if where.any()
    ]


def impedance_circuits(
    net: pp.pandapowerNet, impedance: pd.DataFrame
) -> tuple[Complexes, Complexes]:
    """Return series impedance (ohm) and total shunt admittance (siemens) of impedances, (L,) each.

    They are given per unit of their own rated power and the nominal voltage of the bus; here they
    are seen from the second end.
    """
    nominal_kv = net.bus.vn_kv.loc[impedance.to_bus].to_numpy(float)
    base_ohm = nominal_kv**2 / impedance.sn_mva.to_numpy(float)
    series = impedance.rft_pu.to_numpy(float) + 1j * impedance.xft_pu.to_numpy(float)
    near, far = (
        numbers(impedance, f"g{end}_pu", 0.0) + 1j * numbers(impedance, f"b{end}_pu", 0.0)
        for end in "ft"
    )
    return series * base_ohm, (near + far) / base_ohm


def impedance_problems(impedance: pd.DataFrame) -> list[str]:
    """Return a sentence of impedances that are not the same from either end, so no pi circuit."""
    pairs = (("rft_pu", "rtf_pu"), ("xft_pu", "xtf_pu"), ("gf_pu", "gt_pu"), ("bf_pu", "bt_pu"))
    uneven = np.zeros(len(impedance), np.bool_)
    for first, second in pairs:
        uneven |= numbers(impedance, first, 0.0) != numbers(impedance, second, 0.0)
    if not uneven.any():
        return []
    rows = ", ".join(str(row) for row in impedance.index[uneven])
    return [f"impedance {rows}: other values from one end than from the other are not converted"]


def numbers(table: pd.DataFrame, column: str, otherwise: float) -> Floats:
    """Return a column as numbers; `otherwise` where there is none."""
    if column not in table:
        return np.full(len(table), otherwise)
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isnan(values), otherwise, values)


def _tapped_kv(trafo: pd.DataFrame, side: str) -> Floats:
    """Return the rated voltage of one side at the present tap, (L,)."""
    steps = numbers(trafo, "tap_pos", 0.0) - numbers(trafo, "tap_neutral", 0.0)
    active = (_kinds_of_tap(trafo) == "Ratio") & (trafo.tap_side == side).to_numpy(bool)
    step = numbers(trafo, "tap_step_percent", 0.0) / 100.0
    return np.asarray(trafo[f"vn_{side}_kv"].to_numpy(float) * (1.0 + active * steps * step))


def _kinds_of_tap(trafo: pd.DataFrame) -> NDArray[np.str_]:
    """Return the kind of tap changer, "" where there is none: pandapower then ignores the tap."""
    if "tap_changer_type" not in trafo:
        return np.full(len(trafo), "")
    kinds = trafo.tap_changer_type
    return np.array([kind if isinstance(kind, str) else "" for kind in kinds], dtype=np.str_)
