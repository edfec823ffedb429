"""Which levers a study compares, against what, and which cannot be."""

from collections.abc import Callable, Mapping

from cosim.studies.hosting.levers import LeverKind
from cosim.studies.hosting.market_stage import stage_problems
from cosim.studies.hosting.settings import HostingSettings
from cosim.studies.hosting.study_parts import REFERENCE

Kinds = Callable[[], Mapping[str, LeverKind]]
"""Gives all levers there are, by name; a function of a module, since workers call it, too."""


def lever_problems(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> list[str]:
    """Return what is wrong with the levers asked for."""
    problems = unknown_levers(settings, kinds)
    if any(kinds[name].is_market for name in settings.levers if name in kinds):
        problems += market_problems(settings)
    return problems


def unknown_levers(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> list[str]:
    """Return that levers asked for do not exist, if so."""
    unknown = [name for name in settings.levers if name not in kinds]
    if not unknown:
        return []
    return [
        f"levers: there is no {', '.join(repr(name) for name in unknown)}; allowed are "
        f"{', '.join(kinds)}"
    ]


def market_problems(settings: HostingSettings) -> list[str]:
    """Return why levers that play the market cannot be part of a study; nothing if they can."""
    problems = stage_problems(settings)
    if settings.deployment.rule in ("uniform", "load_proportional"):
        problems.append(
            f"deployment.rule = {settings.deployment.rule}: market levers trade between homes, and "
            "a layout by rule has none; choose random or end_of_feeder"
        )
    return problems


def all_levers(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> tuple[str, ...]:
    """Return every lever that does something of its own in a study, fit and forget first."""
    playable = not market_problems(settings)
    return tuple(
        name
        for name, kind in kinds.items()
        if settings.technology in kind.technologies and (playable or not kind.is_market)
    )


def left_out(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> tuple[str, ...]:
    """Return, for people, which levers are not part of `all_levers` and why."""
    here = {name: it for name, it in kinds.items() if settings.technology in it.technologies}
    sentences = []
    elsewhere = [name for name in kinds if name not in here]
    if elsewhere:
        sentences.append(
            f"{', '.join(elsewhere)}: with {settings.technology} they do nothing that another "
            "lever does not do"
        )
    markets = [name for name, kind in here.items() if kind.is_market]
    problems = market_problems(settings)
    if markets and problems:
        sentences.append(f"{', '.join(markets)}: {'; '.join(problems)}")
    return tuple(sentences)


def compared_levers(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> tuple[str, ...]:
    """Return the levers of a study, what others are held against before them, each once."""
    references = [kinds[name].reference for name in settings.levers]
    return tuple(dict.fromkeys((REFERENCE, *references, *settings.levers)))


def steps(settings: HostingSettings, kinds: Mapping[str, LeverKind]) -> tuple[tuple[str, str], ...]:
    """Return pairs of compared levers: the first adds one thing, or a few, to the second."""
    compared = compared_levers(settings, kinds)
    pairs = []
    for name in compared:
        below = kinds[name].step
        while below and below not in compared:
            below = kinds[below].step
        if below:
            pairs.append((name, below))
    return tuple(pairs)
