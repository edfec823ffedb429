"""Who may import whom, and how long a file may be."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LINES_MAX = 400
PACKAGES = ("networks", "cosim", "policies")

# Package -> files that alone may import it from outside.
DIRECTION = {
    "cosim": ("cosim/*", "policies/*"),
    "policies": ("policies/*", "cosim/cli.py", "cosim/cli_*.py"),
}
FENCES = {
    "pandapower": ("networks/*",),
    "simbench": ("networks/*",),
    "power_grid_model": ("networks/*",),
    "torch": ("policies/*",),
    "stable_baselines3": ("policies/*",),
    "gymnasium": ("cosim/envs/*",),
    "pettingzoo": ("cosim/envs/*",),
    "joblib": ("cosim/studies/sweep*",),
    "dask": ("cosim/studies/sweep*",),
    "distributed": ("cosim/studies/sweep*",),
    "plotly": ("cosim/reports/*",),
    "jinja2": ("cosim/reports/*",),
    "highspy": ("cosim/grid/*", "policies/*"),
    "scipy.optimize": ("cosim/grid/*", "policies/*"),
    "typer": ("cosim/cli.py", "cosim/cli_*.py"),
    "rich": ("cosim/cli.py", "cosim/cli_*.py"),
}
SIDE_BY_SIDE = ("inputs", "prosumers", "market", "grid", "scoring")
"""Subpackages of cosim that meet in `cosim.records` only."""


def imported_modules(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything a file imports; relative imports begin with "."."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def lies_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def problems_of(path: str, source: str) -> list[str]:
    """Return what a file at `path` (relative to the repository) does that it may not."""
    found = []
    lines = source.count("\n")
    if lines > LINES_MAX:
        found.append(f"{path}: {lines} lines, allowed are {LINES_MAX}")
    in_package = PurePosixPath(path).parts[0] in PACKAGES
    for line, module in imported_modules(source):
        if module.startswith("."):
            found.append(f"{path}:{line}: relative import of {module}")
        elif in_package:
            found.extend(f"{path}:{line}: {reason}" for reason in forbidden(path, module))
    return found


def forbidden(path: str, module: str) -> Iterator[str]:
    """Yield why a file of one of the packages may not import `module`."""
    for fenced, allowed in (DIRECTION | FENCES).items():
        if lies_in(module, fenced) and not any(fnmatch(path, pattern) for pattern in allowed):
            yield f"imports {module}, allowed in {', '.join(allowed)} only"
    folder = PurePosixPath(path).parent.name
    if folder in SIDE_BY_SIDE and path.startswith("cosim/"):
        for neighbour in SIDE_BY_SIDE:
            if neighbour != folder and lies_in(module, f"cosim.{neighbour}"):
                yield f"imports {module}, a neighbour: they meet in cosim.records"


def test_packages_keep_to_their_rooms() -> None:
    files = [
        file
        for folder in (*PACKAGES, "tests")
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
    ]
    found = [
        problem
        for file in files
        for problem in problems_of(
            file.relative_to(REPOSITORY).as_posix(), file.read_text(encoding="utf-8")
        )
    ]
    assert files
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_tell_that_they_are_typed(package: str) -> None:
    assert (REPOSITORY / package / "py.typed").is_file()


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("networks/x.py", "import cosim"),
        ("networks/x.py", "from cosim.records import World"),
        ("networks/x.py", "import policies.baselines"),
        ("cosim/interval.py", "from policies import baselines"),
        ("cosim/grid/x.py", "import pandapower as pp"),
        ("cosim/inputs/x.py", "from simbench import get_simbench_net"),
        ("cosim/run_check.py", "import power_grid_model"),
        ("cosim/grid/x.py", "import torch.nn"),
        ("cosim/envs/x.py", "from stable_baselines3 import PPO"),
        ("policies/x.py", "import gymnasium"),
        ("cosim/studies/x.py", "import plotly.graph_objects as go"),
        ("cosim/market/x.py", "from scipy import optimize"),
        ("cosim/market/x.py", "from scipy.optimize import milp"),
        ("cosim/run_folder.py", "from rich.console import Console"),
        ("cosim/market/x.py", "from cosim.grid import validation"),
        ("cosim/market/x.py", "from cosim import grid"),
        ("cosim/scoring/x.py", "def late():\n    import cosim.prosumers.orders"),
        ("cosim/x.py", "from . import records"),
        ("tests/x.py", "from ..cosim import records"),
        ("tests/x.py", "\n" * (LINES_MAX + 1)),
    ],
)
def test_a_file_in_the_wrong_room_is_found(path: str, source: str) -> None:
    assert len(problems_of(path, source)) >= 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("networks/x.py", "import pandapower as pp"),
        ("cosim/cli_run.py", "from policies.registry import policies"),
        ("cosim/grid/x.py", "from scipy.optimize import linprog\nfrom cosim.records import Trades"),
        ("cosim/market/x.py", "from scipy import sparse\nimport cosim.market.tariff"),
        ("cosim/interval.py", "from cosim.grid import validation\nimport cosim.market.auction"),
        ("policies/x.py", "import torch\nfrom cosim.simulation import Policies"),
        ("cosim/x.py", "import torchvision_like_name\nimport cosim_something"),
        ("tests/x.py", "import pandapower\n" * LINES_MAX),
    ],
)
def test_a_file_in_the_right_room_is_left_alone(path: str, source: str) -> None:
    assert problems_of(path, source) == []
