"""Shared settings and fixtures of the tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# Compilation makes first calls slow, and a failure must be the same for everybody.
settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("repeatable")


def find_real_data() -> Path | None:
    """Return the folder of real price, load and feeder files, or None where there is none."""
    given = os.environ.get("COSIM_DATA")
    candidates = (
        [Path(given)]
        if given
        else [parent.parent / "shared" / "data" for parent in (REPOSITORY, *REPOSITORY.parents)]
    )
    return next((folder for folder in candidates if folder.is_dir()), None)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data files; tests that ask for it are skipped where it is absent."""
    folder = find_real_data()
    if folder is None:
        pytest.skip("no real data: set COSIM_DATA to its folder, or put it at ../shared/data")
    return folder
