"""Where deployments build, in words: not every bus that is looked at alone may get plants."""

from cosim.reports.hosting_data import HostingReportData
from cosim.reports.wording import number


def buses_words(count: int, before: str = "") -> str:
    """Return a number of buses, e.g. "12 other buses"."""
    return f"{number(count)} {before}{'bus' if count == 1 else 'buses'}"


def built_words(data: HostingReportData) -> str:
    """Say at how many buses deployments build, and how many with load get nothing."""
    facts = data.facts
    if not facts.site_buses:
        return ""
    kind = " with homes" if facts.homes else ""
    words = f"Deployments build at {buses_words(facts.site_buses)}{kind}"
    if not facts.load_buses_without:
        return f"{words}."
    other = buses_words(facts.load_buses_without, "other ")
    return f"{words}; {other} with load get{'s' * (facts.load_buses_without == 1)} none."


def also_words(data: HostingReportData, buses: int) -> str:
    """Say that a figure looks at more buses than deployments build at; "" if it does not."""
    built = data.facts.site_buses
    if not built or buses <= built:
        return ""
    return f" Looked at are {buses_words(buses)}; deployments build at {number(built)} of them."
