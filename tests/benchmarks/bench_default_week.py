"""Measure the default week from the command line: wall time, processor time, peak memory."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEMORY_TARGET_GIB = 1.5


def main() -> None:
    """Run twice, since the first call may still compile; print the second."""
    for timed in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "cosim.cli", "run", "--out", str(Path(folder) / "week")],
                check=True,
                capture_output=True,
            )
            spent = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if timed:
            processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            gib = after.ru_maxrss / 1024**2  # kibibytes
            print(
                f"default week, played four ways, with report: {spent:.1f} s, {processor:.1f} s "
                f"of processor time, peak memory {gib:.2f} GiB "
                f"({gib / MEMORY_TARGET_GIB:.2f} x the bound of {MEMORY_TARGET_GIB} GiB)"
            )


if __name__ == "__main__":
    main()
