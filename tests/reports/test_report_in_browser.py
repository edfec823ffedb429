"""The report opens in a browser without errors and draws every figure."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cosim.reports.report_data import ReportData
from cosim.reports.write import write_report
from tests.reports.page import read_page

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=20000", "--dump-dom"),
)


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_report_draws_all_figures_without_errors(tmp_path: Path, run: ReportData) -> None:
    assert BROWSER is not None
    file = tmp_path / "report.html"
    write_report(run, file)
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert messages == []
    count = len(read_page(file.read_text(encoding="utf-8")).figures)
    assert f'data-figures-drawn="{count}"' in done.stdout
    charts = done.stdout.split('class="chart')[1:]
    assert len(charts) == count
    assert all("main-svg" in chart for chart in charts)
