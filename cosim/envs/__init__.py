"""Doors for learners: what agents see and do as arrays, and environments of their libraries."""
