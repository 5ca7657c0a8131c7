"""Trials: the power fails at any step of the SQLite file, and what was acknowledged is there after the next start.

One recording of the service at work (`cut_workload`), many cuts of it (`cut_model`), each judged by what the product
finds when it opens the file (`cut_checks`).
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.db.migrate import upgrade
from app.violations.rules import Outcome
from tests.databases import roomy_directory
from tests.ingest.kept import created, keep, opened
from tests.maven.examples import Json
from tests.torture.course import Course, Round, Trial
from tests.torture.cut_checks import Judge
from tests.torture.cut_model import Deaf, Fate, files_after, heeds_all, settled
from tests.torture.cut_workload import FILE, Recording, record
from tests.torture.recorded_disk import Step, recorded_disk

CUTS = 100
"""Of one recording. More of them find the same contents again, fewer take longer."""


class PowerCuts:
    """A place for files, and the recording that is being cut."""

    def __init__(self, course: Course, directory: Path, deaf: Deaf = heeds_all) -> None:
        self._course = course
        self._directory = directory
        self._deaf = deaf
        self._runner = asyncio.Runner()
        self._template = directory / "template.db"
        self._number = -1
        self._recording: Recording | None = None
        self._judge: Judge | None = None
        upgrade(f"sqlite:///{self._template}")

    def close(self) -> None:
        self._runner.close()

    def cut(self, one: Round) -> None:
        """Makes what the disk holds after one cut, and has it judged."""
        number = one.number // CUTS
        if self._recording is None or self._judge is None or number != self._number:
            # A recording has times and threads in it: again means another one of the same kind.
            self._number = number
            self._recording = record(self._template, self._directory / "work", self._course.chance(-1 - number))
            self._judge = Judge(self._recording)
            self._course.count("recordings")
        recording, judge = self._recording, self._judge
        position = one.chance.randint(0, len(recording.steps))
        steps = recording.steps[:position]
        place = self._directory / "cut"
        put_files(place, files_after(recording.before, steps, Fate.drawn(one.chance), self._deaf))
        before = judge.contents
        try:
            looked_for = self._runner.run(judge.judge(place, position))
        except BaseException as error:
            error.add_note(_told(recording.steps, position))
            raise
        self._course.count("unsynced writes", settled(steps, self._deaf)[1])
        self._course.count("acknowledged events looked for", looked_for)
        self._course.count("lost", 0)
        self._course.count("different contents", judge.contents - before)


def put_files(place: Path, files: Mapping[str, bytes]) -> None:
    """Makes a directory of these files and no others."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)


def _told(steps: Sequence[Step], position: int) -> str:
    last = repr(steps[position - 1])[:80] if position else "none"
    return f"Cut after {position} of {len(steps)} steps, the last of them {last}"


def run(course: Course, deaf: Deaf = heeds_all) -> None:
    """Cuts the power once in each round. `deaf` says which syncs do nothing, on a disk that lies."""
    with tempfile.TemporaryDirectory(prefix="hos-cut-", dir=roomy_directory()) as name:
        cuts = PowerCuts(course, Path(name), deaf)
        try:
            course.play(cuts.cut)
        finally:
            cuts.close()


def run_first_starts(course: Course) -> None:
    """Cuts the power once in each round while the first start makes the file and its schema."""
    with tempfile.TemporaryDirectory(prefix="hos-cut-", dir=roomy_directory()) as name, asyncio.Runner() as runner:
        made, place = Path(name) / "made", Path(name) / "cut"
        made.mkdir()
        with recorded_disk(made) as disk:
            runner.run(_start(made))
        course.count("steps", len(disk.steps))

        def cut(one: Round) -> None:
            position = one.chance.randint(0, len(disk.steps))
            put_files(place, files_after({FILE: b""}, disk.steps[:position], Fate.drawn(one.chance)))
            try:
                runner.run(_start(place, created("the first")))
            except BaseException as error:
                error.add_note(_told(disk.steps, position))
                raise
            course.count("starts that went well")

        course.play(cut)


async def _start(directory: Path, *events: Json) -> None:
    """Opens the file, sees that it is sound and at the newest schema, and takes events in."""
    async with opened(f"sqlite:///{directory / FILE}") as database:
        await database.check()
        assert [row[0] for row in await database.fetch("PRAGMA integrity_check")] == ["ok"]
        assert await database.fetch("SELECT 1 FROM events") == []
        if events:
            assert await keep(database, *events) == [Outcome.CREATED]


TRIALS = (
    Trial(
        name="power-cut",
        promise="No power cut of the SQLite file loses what was acknowledged, or leaves half a delivery.",
        unit="cuts",
        short=60,
        full=10_000,
        run=run,
    ),
    Trial(
        name="power-cut-first-start",
        promise="A first start that the power interrupts is made good by the next one.",
        unit="cuts",
        short=4,
        full=300,
        run=run_first_starts,
    ),
)
