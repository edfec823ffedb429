"""Stackelberg games whose equilibrium is known in closed form: what learners must recover."""
