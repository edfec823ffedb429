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
    "fit_and_forget_days": "fit and forget, as market levers are played",
    "self_consumption": "batteries for own use",
    "storage": "storage by retail prices",
    "curtailment": "curtailment by the grid",
    "storage_curtailment": "storage and curtailment",
    "p2p_water_value": "peer-to-peer market, water-value bidders",
    "p2p_fictitious_play": "peer-to-peer market, bidders that expect it",
    "p2p_learned": "peer-to-peer market, learned policies",
}


def lever_title(lever: str) -> str:
    """Return a lever in words."""
    return TITLES.get(lever, lever.replace("_", " "))
