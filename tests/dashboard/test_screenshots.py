"""The pictures of the documentation: the command makes them, and those that are kept are of that size and kind."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, environment
from tests.dashboard.screenshots import DRIVER, DUTY_LOG, FOLDER, INSPECTIONS, OVERVIEW, VIOLATION

PICTURES = [OVERVIEW, DRIVER, VIOLATION, DUTY_LOG, INSPECTIONS]
MOST_BYTES = 200_000
PATIENCE = 120.0


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_the_command_makes_the_pictures_that_are_kept(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.dashboard.screenshots", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PICTURES)
    for name in PICTURES:
        assert size_of(tmp_path / name) == size_of(FOLDER / name)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_light_and_shown(name: str) -> None:
    assert 20_000 < (FOLDER / name).stat().st_size < MOST_BYTES
    assert f"](images/{name})" in (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
