"""What a disk holds after its power was cut: of what was synced everything, of the rest whatever chance leaves.

Harsher than any file system: writes that were not synced are kept, lost or torn each by itself, the files of a
directory come and go each by itself until the directory is synced, and shared memory is lost. It assumes what SQLite
assumes of a disk: a sync that returned well is true, and a write that is cut off leaves the bytes around it alone
(`SQLITE_IOCAP_POWERSAFE_OVERWRITE`). Orders need no choice of their own: a later write that is lost while an earlier
one is kept is the same as both in the other order.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.torture.recorded_disk import Created, Delete, Found, Step, Sync, SyncFailed, Truncate, Write

SECTOR_BYTES = 512

Deaf = Callable[[str], bool]
"""Which files' syncs do nothing, by their names, `.` for the directory; to show that a disk that lies is found out."""


def heeds_all(name: str) -> bool:
    """No file's."""
    return False


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of what was not synced. The shares are probabilities."""

    kept: float
    torn: float
    chance: random.Random

    @classmethod
    def drawn(cls, chance: random.Random) -> "Fate":
        return cls(chance.choice([0.0, 0.1, 0.5, 0.9, 1.0]), chance.choice([0.0, 0.0, 0.3, 1.0]), chance)

    def happens(self) -> bool:
        """Whether a step that was not synced is on the disk."""
        return self.chance.random() < self.kept

    def write(self, content: bytearray, step: Write) -> None:
        """Lets a write that was not synced happen, in part, or not."""
        if self.chance.random() >= self.torn:
            if self.happens():
                put(content, step.offset, step.data)
            return
        end = step.offset + len(step.data)
        start = step.offset
        while start < end:
            stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if self.chance.random() < 0.5:
                put(content, start, step.data[start - step.offset : stop - step.offset])
            start = stop
        if len(content) < end and self.happens():
            content.extend(bytes(end - len(content)))  # the length was written, and the bytes were not


def put(content: bytearray, offset: int, data: bytes) -> None:
    """Writes as a file system does: what lies between the end and a write beyond it is zeros."""
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def settled(steps: Sequence[Step], deaf: Deaf = heeds_all) -> tuple[set[int], int]:
    """Which steps are on the disk for certain, and how many are not. A sync settles what its file was written since
    the last sync that failed: what that one did not write, Linux does not write again.
    """
    names = {step.file: step.name for step in steps if isinstance(step, Found | Created)}
    waiting: dict[int, list[int]] = {}
    certain: set[int] = set()
    count = 0
    for number, step in enumerate(steps):
        match step:
            case Write() | Truncate():
                waiting.setdefault(step.file, []).append(number)
                count += 1
            case Sync() if not deaf(names[step.file]):
                certain.update(waiting.pop(step.file, ()))
            case SyncFailed():
                waiting.pop(step.file, None)
    return certain, count - len(certain)


def _names_left(steps: Sequence[Step], fate: Fate, deaf: Deaf) -> dict[str, int]:
    """The files that the directory has, by name."""
    sure: dict[str, int | None] = {}
    open_: dict[str, list[int | None]] = {}
    for step in steps:
        match step:
            case Found():
                sure[step.name] = step.file
            case Created():
                open_.setdefault(step.name, []).append(step.file)
            case Delete():
                open_.setdefault(step.name, []).append(None)
        if isinstance(step, Sync | Delete) and step.with_directory and not deaf("."):
            sure.update({name: states[-1] for name, states in open_.items()})
            open_.clear()
    for name, states in open_.items():
        # The last state is what a kept directory has; any earlier one since the last sync may have been written.
        sure[name] = states[-1] if fate.happens() else fate.chance.choice([sure.get(name), *states])
    return {name: file for name, file in sure.items() if file is not None}


def files_after(
    before: Mapping[str, bytes], steps: Sequence[Step], fate: Fate, deaf: Deaf = heeds_all
) -> dict[str, bytes]:
    """The files after a cut at the end of `steps`. `before` are those that were there, and synced, when they began."""
    contents: dict[int, bytearray] = {}
    certain, _ = settled(steps, deaf)
    for number, step in enumerate(steps):
        match step:
            case Found():
                contents[step.file] = bytearray(before[step.name])
            case Created():
                contents[step.file] = bytearray()
            case Write():
                if number in certain:
                    put(contents[step.file], step.offset, step.data)
                else:
                    fate.write(contents[step.file], step)
            case Truncate():
                if number in certain or fate.happens():
                    del contents[step.file][step.size :]
                    put(contents[step.file], step.size, b"")
    left = {name: bytes(contents[file]) for name, file in _names_left(steps, fate, deaf).items()}
    never_opened = {name: content for name, content in before.items() if name not in _named(steps)}
    return left | never_opened


def _named(steps: Sequence[Step]) -> set[str]:
    return {step.name for step in steps if isinstance(step, Found | Created | Delete)}
