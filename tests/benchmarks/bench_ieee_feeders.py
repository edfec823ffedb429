"""Print how far the IEEE node feeders lie from OpenDSS; argument: the folder `ieee-dss`."""

import sys
from pathlib import Path

import numpy as np

from tests.networks.opendss_feeders import FILES, compare, lateral_nodes


def main(folder: Path) -> None:
    print("feeder   taps          nodes  mean     max      trunk    load kW       loss kW")
    for label, published, take_taps in (
        ("published", True, True),
        ("OpenDSS", False, True),
        ("each its own", False, False),
    ):
        for name in FILES:
            found = compare(name, folder, published=published, take_taps=take_taps)
            sideways = lateral_nodes(name)
            trunk = [abs(d) for node, d in found.difference_pu.items() if node not in sideways]
            print(
                f"{name:8} {label:12}  "
                f"{len(found.difference_pu):5}  {found.mean_pu:.5f}  {found.max_pu:.5f}  "
                f"{np.mean(trunk):.5f}  {found.load_kw[0]:.0f} / {found.load_kw[1]:.0f}   "
                f"{found.loss_kw[0]:.1f} / {found.loss_kw[1]:.1f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
