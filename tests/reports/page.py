"""Reads a report back from its HTML."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Page(HTMLParser):
    """Headings, identifiers, links, tables and figures of a report."""

    ids: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)  # class or tag -> texts
    figures: dict[str, Any] = field(default_factory=dict)
    styles: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, dict[str, str]]] = []
        self._table = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.references += [values[name] for name in ("src", "href") if name in values]
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "table":
            self._table = values["id"].removeprefix("table-")
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        if tag not in VOID:
            self._open.append((tag, values))
            for name in (tag, *values.get("class", "").split()):
                self.texts.setdefault(name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for tag, values in self._open:
            for name in (tag, *values.get("class", "").split()):
                self.texts[name][-1] += data
        tag, values = self._open[-1] if self._open else ("", {})
        if tag == "script" and values.get("id") == "figures":
            self.figures = json.loads(data)
        elif tag == "style":
            self.styles += data
        cells = [place for place, _ in self._open if place in ("td", "th")]
        badge = any("badge" in values.get("class", "") for _, values in self._open)
        if cells and not badge:
            self.tables[self._table][-1][-1] += data


def read_page(html: str) -> Page:
    """Return what a report shows."""
    page = Page()
    page.feed(html)
    page.close()
    return page


def shown_number(text: str) -> float:
    """Return the number a cell shows."""
    return float(text.replace("\u202f", "").replace("\u2212", "-"))


def lay_out(files: dict[str, str], folder: Path) -> None:
    """Write the files of a report, by relative path, into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
