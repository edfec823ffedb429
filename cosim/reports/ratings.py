"""Which loadings rest on ratings that are not part of the published feeder."""

from collections.abc import Iterator
from html import escape

from cosim.reports.blocks import RATINGS_ASSUMED
from cosim.reports.wording import sentence_case
from networks.feeder import LINE, TRANSFORMER, Feeder


def lines_assumed(feeder: Feeder) -> bool:
    """Return whether the ratings of lines are assumed."""
    return feeder.ratings_assumed and has(feeder, LINE)


def transformers_assumed(feeder: Feeder) -> bool:
    """Return whether the ratings of transformers are assumed."""
    return feeder.transformer_ratings_assumed and has(feeder, TRANSFORMER)


def has(feeder: Feeder, kind: int) -> bool:
    """Return whether the feeder has a branch of this kind."""
    return bool((feeder.branch_kind == kind).any())


def rating_badges(feeder: Feeder) -> tuple[str, ...]:
    """Return the badge of what shows loadings of all branches."""
    assumed = {LINE: lines_assumed(feeder), TRANSFORMER: transformers_assumed(feeder)}
    there = [kind for kind in assumed if has(feeder, kind)]
    if not any(assumed.values()):
        return ()
    if all(assumed[kind] for kind in there):
        return (RATINGS_ASSUMED,)
    return (f"{'line' if assumed[LINE] else 'transformer'} {RATINGS_ASSUMED}",)


def element_badges(feeder: Feeder, element: str) -> tuple[str, ...]:
    """Return the badge of a limit at an element, e.g. "line 3" or "trafo 0"."""
    kind = element.split(" ")[0]
    assumed = (kind == "line" and lines_assumed(feeder)) or (
        kind == "trafo" and transformers_assumed(feeder)
    )
    return (RATINGS_ASSUMED,) if assumed else ()


def kinds_assumed(feeder: Feeder) -> list[str]:
    """Return the kinds of branches, in words, whose ratings are assumed."""
    told = {"lines": lines_assumed(feeder), "transformers": transformers_assumed(feeder)}
    return [words for words, assumed in told.items() if assumed]


def rating_sentences(feeder: Feeder) -> Iterator[str]:
    """Yield where thermal ratings come from, and what was assumed of the net, as HTML."""
    kinds = kinds_assumed(feeder)
    source = escape(sentence_case(feeder.ratings_source.removeprefix("Assumed: ")))
    if kinds:
        yield f"<b>Thermal ratings of {' and '.join(kinds)} are assumed.</b> {source}"
    elif source:
        yield f"Thermal ratings: {source}"
    yield from (escape(f"Of the net: {note}.") for note in feeder.notes)
