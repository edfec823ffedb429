"""Measure how fast followers learn: samples a second end to end, one core, and where time goes.

A sample is an interval of a prosumer that has something to decide. End to end: drawing the world,
plans and plays on forecasts, market, power flow, validation, and the learning itself.
"""

import sys
import time

from cosim.scenario import Scenario
from cosim.studies.held_out import training_days
from networks.catalog import load_feeder
from policies.follower_training import FollowerTrainer, FollowerTraining

ITERATIONS = 3
TARGET_PER_SECOND = 50_000


def main() -> None:
    """Measure and print; arguments: environments and passes, by default those of a training."""
    environments = int(sys.argv[1]) if len(sys.argv) > 1 else FollowerTraining().environments
    passes = int(sys.argv[2]) if len(sys.argv) > 2 else FollowerTraining().passes
    settings = FollowerTraining(environments=environments, passes=passes)
    trainer = FollowerTrainer(
        Scenario(), load_feeder("cigre_lv"), training_days(settings.days), settings, seed=0
    )
    trainer.step()  # compiles
    wall, processor, samples = time.perf_counter(), time.process_time(), 0
    for _ in range(ITERATIONS):
        samples += trainer.step().samples
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        f"{environments} environments, {settings.days} days, {passes} passes, cigre_lv, one thread"
    )
    print(f"samples {samples}, {samples / ITERATIONS:.0f} an iteration")
    print(f"per second of wall clock      {samples / wall:10.0f}  (aim {TARGET_PER_SECOND})")
    print(f"per second of processor time  {samples / processor:10.0f}")


if __name__ == "__main__":
    main()
