"""`docs/run-folder.md` tells of everything that a run folder holds."""

import ast
import re
from pathlib import Path

import pytest

from cosim.results import Account
from cosim.run_facts import manifest_of
from cosim.run_folder import RunContent
from cosim.run_ledger import Kind
from cosim.run_tables import run_tables
from cosim.scoring.metrics import References, outcome_of, run_metrics
from tests.played_days import played_run
from tests.three_bus import three_bus_feeder

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "run-folder.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def content() -> RunContent:
    return played_run(three_bus_feeder())


def section(heading: str) -> set[str]:
    """Return all names in the first cells of the tables below headings that hold `heading`."""
    parts = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
    rows = [
        line.split(" | ")[0]
        for part in parts
        if heading in part.splitlines()[0]
        for line in part.splitlines()
        if line.startswith("| `")
    ]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_column_of_every_table_is_described_and_no_other(content: RunContent) -> None:
    for name, columns in run_tables(content.records).items():
        told = section(f"`{name}`")
        if name == "ledger":
            told -= {kind.name.lower() for kind in Kind} | {each.name.lower() for each in Account}
        assert told == set(columns), name


def test_kinds_and_accounts_of_the_ledger_are_described() -> None:
    told = section("`ledger`")
    assert {kind.name.lower() for kind in Kind} <= told
    assert {account.name.lower() for account in Account} <= told


def test_every_metric_is_described_and_no_other(content: RunContent) -> None:
    records = content.records
    outcome = outcome_of(records.world.fleet, records.days, retail=0.3, feed_in=0.03)
    metrics = run_metrics(
        records.feeder, records.world, records.days, outcome, References(outcome, outcome)
    )
    assert section("`metrics.json`") == set(metrics)


def test_every_entry_of_the_manifest_is_described_and_no_other(content: RunContent) -> None:
    manifest = manifest_of(content.scenario, content.records, content.facts, {})
    assert section("`manifest.json`") == {*manifest, "files"}  # hashes are made when it is written


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("code", snippets())
def test_snippets_import_all_they_use(code: str) -> None:
    tree = ast.parse(code)
    known = {"print"}
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names: dict[str, object] = {}
    exec(compile(ast.Module(list(imports), []), "snippet", "exec"), names)
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used <= stored | known | set(names)
