"""What `cosim feeders --gallery` does: one page with a picture of every feeder."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import typer

from cosim.cli_feeders import remarks, summarise
from cosim.cli_progress import PatientProgress
from cosim.errors import SubmissionError
from cosim.grid.power_flow import PowerFlow
from cosim.reports.feeder_gallery import Portrait, write_gallery
from cosim.submissions.states import solve_states
from networks.catalog import load_feeder
from networks.feeder_summary import FeederSummary


def make_gallery(names: Sequence[str], page: Path) -> None:
    """Write a page with a picture of the named feeders, of all in the catalogue if none is named.

    Raises:
        NetworkError: unknown names, all of them at once.
        SubmissionError: the page cannot be written; told before any work.
    """
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubmissionError(f"--gallery {page}: cannot be written ({error.strerror})") from error
    if page.is_dir() or not os.access(page if page.exists() else page.parent, os.W_OK):
        raise SubmissionError(f"--gallery {page}: is a folder, or may not be written")
    summaries = summarise(names)
    with PatientProgress("drawing feeders") as progress:
        size = write_gallery(_portraits(summaries, progress), page)
    typer.echo(f"gallery  {page.resolve()}, {len(summaries)} feeders, {size / 1e6:.1f} MB")


def _portraits(summaries: list[FeederSummary], progress: PatientProgress) -> Iterator[Portrait]:
    """Solve the base case of one feeder after the other: loads at their peak, no generation."""
    for done, summary in enumerate(summaries):
        progress(summary.name, done, len(summaries))
        feeder = load_feeder(summary.name)
        base = solve_states(
            PowerFlow(feeder), feeder.nominal_load_kw[None], feeder.nominal_load_kvar[None]
        )
        yield Portrait(
            feeder,
            summary,
            np.asarray(base.voltage_pu[0]),
            np.asarray(base.loading_percent[0]),
            tuple(remarks(summary)),
        )
