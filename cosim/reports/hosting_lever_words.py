"""What levers are called."""

TITLES = {
    "fit_and_forget": "fit and forget",
    "constant_power_factor": "constant power factor",
    "power_factor_of_power": "power factor by power",
    "volt_var": "Volt-VAr (IEEE 1547 category B shape)",
    "volt_var_vde": "Volt-VAr (VDE 4105 shape)",
    "volt_watt": "Volt-Watt (IEEE 1547 category B shape)",
    "volt_var_watt": "Volt-VAr, then Volt-Watt",
    "export_limit": "static export limit",
    "operating_envelope": "operating envelopes",
    "market_water_value": "peer-to-peer market, water-value bidders",
    "market_learned": "peer-to-peer market, learned policies",
}


def lever_title(lever: str) -> str:
    """Return a lever in words."""
    return TITLES.get(lever, lever.replace("_", " "))
