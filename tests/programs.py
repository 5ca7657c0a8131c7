"""Programs that some tests run and that pip does not bring: a browser, an Alertmanager, Node.

Without one its tests are skipped, and say what to install; on CI, where nothing may be skipped, they fail.
"""

import os
import shutil

import pytest


def find_program(name: str, packages: str | None = None) -> str:
    """Where a program is. `packages` are the Debian packages that bring it, when they have another name."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed: apt-get install {packages or name} (Debian, Ubuntu)"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return found
