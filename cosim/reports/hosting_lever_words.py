"""What levers are called."""

TITLES = {
    "fit_and_forget": "fit and forget",
    "constant_power_factor": "constant power factor",
    "power_factor": "constant power factor",
    "volt_var_ieee_1547_b": "Volt-VAr (IEEE 1547 category B shape)",
    "volt_var_vde_4105": "Volt-VAr (VDE 4105 shape)",
    "volt_watt_ieee_1547_b": "Volt-Watt (IEEE 1547 category B shape)",
    "volt_watt_vde_4105": "Volt-Watt (VDE 4105 shape)",
    "export_limit": "static export limit",
    "envelopes": "operating envelopes",
    "operating_envelopes": "operating envelopes",
    "market_water_value": "peer-to-peer market, water-value bidders",
    "market_learned": "peer-to-peer market, learned policies",
}


def lever_title(lever: str) -> str:
    """Return a lever in words."""
    return TITLES.get(lever, lever.replace("_", " "))
