"""A made-up run and its report, shared by the tests of this folder."""

import pytest

from cosim.reports.report_data import ReportData
from cosim.reports.write import render_report
from tests.reports.sample import sample_data


@pytest.fixture(scope="session")
def run() -> ReportData:
    return sample_data()


@pytest.fixture(scope="session")
def report(run: ReportData) -> str:
    return render_report(run)
