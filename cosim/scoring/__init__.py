"""Metrics of what happened."""
