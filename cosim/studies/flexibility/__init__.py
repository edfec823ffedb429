"""How much a feeder's devices can move, how much of it the grid takes, and what comes if asked."""
