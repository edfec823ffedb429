"""What must be said of the data wherever results are shown."""

from cosim.reports.report_data import ReportData


def notices_of(data: ReportData) -> tuple[str, ...]:
    """Return the notices of the data that the run used: sources and licences."""
    found = data.manifest.get("data_notice") or ()
    return (found,) if isinstance(found, str) else tuple(str(text) for text in found)
