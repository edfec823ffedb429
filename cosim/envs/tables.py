"""The tables of `docs/environments.md`, from the fields that environments use."""

from typing import Final

from cosim.envs import follower_encoding, leader_encoding
from cosim.envs.infos import BID_INFOS, GRID_INFOS, PROSUMER_INFOS, SHARE_INFOS

SUMMED: Final = {"sum": "sum", "least": "smallest", "mean": "mean", "most": "largest"}

FOLLOWER_ACTIONS: Final[dict[str, str]] = {
    name: f"offset of {text} from the plan's value, "
    f"-+ {follower_encoding.OFFSET_SHARE:.0%} of retail less feed-in price"
    for name, text in (
        ("battery_value", "what stored energy is worth"),
        ("vehicle_value", "what charging the vehicle is worth"),
        ("heat_value", "what heating is worth"),
    )
} | {"half_spread": "half-spread of the battery: 0 at -1, that of the settings at 0, twice it at 1"}

COEFFICIENTS: Final[dict[str, str]] = {
    "level": "of both quotes above the forecast wholesale price",
    "on_wholesale": "times the shape of the forecast wholesale price",
    "on_net_load": "times the shape of the forecast net load",
    "lead": "times the shape of the wholesale price, "
    f"{leader_encoding.SHIFT_H:g} h before it comes",
    "lag": f"times the shape of the wholesale price, {leader_encoding.SHIFT_H:g} h after it came",
    "spread": "of each quote from the middle of both",
}


def page_tables() -> dict[str, str]:
    """Return the tables in Markdown, by the names that mark their places on the page."""
    return {
        "leader observation": _numbered(leader_encoding.FIELDS),
        "leader action": _table(
            ("#", "coefficient", "at -1, 0 and 1, EUR/kWh", "meaning"),
            [
                (
                    str(i),
                    f"`{name}`",
                    _span(*leader_encoding.COEFFICIENTS[name]),
                    COEFFICIENTS[name],
                )
                for i, name in enumerate(leader_encoding.ACTIONS)
            ],
        ),
        "prosumer observation": _numbered(follower_encoding.FIELDS),
        "prosumer action": _numbered(
            {name: FOLLOWER_ACTIONS[name] for name in follower_encoding.ACTIONS}
        ),
        "grid infos": _table(
            ("key", "over a day", "meaning"),
            [(f"`{name}`", SUMMED[rule], text) for name, (rule, text) in GRID_INFOS.items()],
        ),
        "share infos": _keyed(SHARE_INFOS),
        "bid infos": _keyed(BID_INFOS),
        "prosumer infos": _keyed(PROSUMER_INFOS),
    }


def with_tables(page: str) -> str:
    """Return the text of a page with every table it has a place for renewed."""
    for name, table in page_tables().items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{table}\n\n{end}{after}" if rest else page
    return page


def _numbered(fields: dict[str, str]) -> str:
    return _table(
        ("#", "field", "meaning and scale"),
        [(str(i), f"`{name}`", text) for i, (name, text) in enumerate(fields.items())],
    )


def _keyed(fields: dict[str, str]) -> str:
    return _table(("key", "meaning"), [(f"`{name}`", text) for name, text in fields.items()])


def _span(middle: float, reach: float) -> str:
    return ", ".join(f"{value:g}" for value in (middle - reach, middle, middle + reach))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
