"""Feeders: the only package that knows pandapower and SimBench."""
