"""What a section of a report is built from; the template knows how to draw each kind."""

from dataclasses import dataclass
from typing import Any, ClassVar

RATINGS_ASSUMED = "ratings assumed"
SYNTHETIC = "synthetic prices"


@dataclass(frozen=True, slots=True)
class Figure:
    """One plotly figure with a sentence that says what to see."""

    kind: ClassVar[str] = "figure"
    name: str  # unique in the report; the id of its element
    title: str
    spec: dict[str, Any]  # {"data": [...], "layout": {...}}
    caption: str
    height_px: int = 330
    badges: tuple[str, ...] = ()
    timeline: bool = False  # zooms together with the other time series


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a table column."""

    title: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """Cells as text. `kind` is "", "group" (a single heading cell), "total" or "alert"."""

    cells: tuple[str, ...]
    kind: str = ""
    badges: tuple[str, ...] = ()  # shown behind the first cell


@dataclass(frozen=True, slots=True)
class Table:
    """One table with a sentence that says what to see."""

    kind: ClassVar[str] = "table"
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    badges: tuple[str, ...] = ()
    collapsed: bool = False  # behind a line to click on
    scroll: bool = False  # in a box of limited height
    sortable: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number."""

    label: str
    value: str
    unit: str
    note: str
    tone: str = ""  # "good", "alert" or ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A row of large numbers."""

    kind: ClassVar[str] = "tiles"
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Sentences; `style` is "lead" (large), "plain", "list" or "box" (with a title)."""

    kind: ClassVar[str] = "text"
    sentences: tuple[str, ...]
    style: str = "plain"
    title: str = ""


Block = Figure | Table | Tiles | Text


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section of the report."""

    name: str
    title: str
    blocks: tuple[Block, ...]
