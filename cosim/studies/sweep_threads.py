"""How a process is told to keep to one thread, before it imports numpy."""

THREAD_LIMITS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
)
"""Variables of the environment that numerical libraries read."""
