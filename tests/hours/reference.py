"""The limits once more, step by step and as plainly as can be, to hold the engine against.

Written from the rules on a grid of letters (O off duty, S sleeper berth, D driving, N on duty), with none of the
engine's code. Slow on purpose: for each step everything is counted again from the beginning.
"""

import re
from itertools import combinations


def driving_excess(letters: str, an_hour: int) -> set[int]:
    """Steps of driving beyond 11 hours."""
    return {
        step
        for step, letter in enumerate(letters)
        if letter == "D" and letters[_anchor(letters, step, an_hour) : step].count("D") >= 11 * an_hour
    }


def window_excess(letters: str, an_hour: int) -> set[int]:
    """Steps of driving after the 14 hours."""
    rests = _rests(letters, an_hour)
    found = set()
    for step, letter in enumerate(letters):
        if letter != "D":
            continue
        anchor = _anchor(letters, step, an_hour)
        resting = next(rest for rest in rests if rest[1] == anchor)
        between = [rest for rest in rests if anchor < rest[0] < step]
        later = [rest for rest in rests if rest[0] > step]
        with_anchor = {rest for rest in between if _fits(letters, resting, rest, an_hour)}
        with_later = {
            rest
            for rest in between
            for other in later
            if _fits(letters, rest, other, an_hour)
            and not any(rest[1] < full[0] < other[0] and full[1] - full[0] >= 10 * an_hour for full in rests)
        }
        choices: list[tuple[tuple[int, int], ...]] = [(), *((rest,) for rest in with_anchor | with_later)]
        for one, other in combinations(between, 2):
            if (one in with_anchor and other in with_later) or (other in with_anchor and one in with_later):
                choices.append((one, other))
        excluded = max(sum(end - start for start, end in choice) for choice in choices)
        if step - anchor - excluded >= 14 * an_hour:
            found.add(step)
    return found


def break_excess(letters: str, an_hour: int) -> set[int]:
    """Steps of driving after 8 hours of it without 30 minutes of anything else."""
    found = set()
    driven = idle = 0
    for step, letter in enumerate(letters):
        if letter == "D":
            if driven >= 8 * an_hour:
                found.add(step)
            driven, idle = driven + 1, 0
        else:
            idle += 1
            if idle * 2 >= an_hour:
                driven = 0
    return found


def cycle_excess(letters: str, an_hour: int, hours: int, days: int, day_starts: list[int]) -> set[int]:
    """Steps of driving after so many hours on duty in so many days; `day_starts` are steps, some before the first."""
    found = set()
    for step, letter in enumerate(letters):
        if letter == "D":
            first_day = [start for start in day_starts if start <= step][-days]
            restarts = [end for start, end in _rests(letters[:step], an_hour) if end - start >= 34 * an_hour]
            worked = letters[max([0, first_day, *restarts]) : step]
            if worked.count("D") + worked.count("N") >= hours * an_hour:
                found.add(step)
    return found


def _rests(letters: str, an_hour: int) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"[OS]+", letters) if len(match[0]) >= 2 * an_hour]


def _fits(letters: str, one: tuple[int, int], other: tuple[int, int], an_hour: int) -> bool:
    berth = "S" * (7 * an_hour)
    lengths = [one[1] - one[0], other[1] - other[0]]
    berths = [berth in letters[one[0] : one[1]], berth in letters[other[0] : other[1]]]
    if any(length >= 10 * an_hour and not in_berth for length, in_berth in zip(lengths, berths, strict=True)):
        return False
    return sum(lengths) >= 10 * an_hour and any(berths)


def _anchor(letters: str, step: int, an_hour: int) -> int:
    """The latest step from which the 11 and the 14 hours may be counted."""
    rests = [rest for rest in _rests(letters, an_hour) if rest[1] <= step]
    full = max(end for start, end in rests if end - start >= 10 * an_hour)
    firsts = [
        first[1]
        for first, second in combinations(rests, 2)
        if first[1] > full and _fits(letters, first, second, an_hour)
    ]
    return max([full, *firsts])
