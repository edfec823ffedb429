"""How much a feeder hosts: where, what limits it, and what more fits with which help."""
