"""Grid-aware co-simulation of local energy markets."""
