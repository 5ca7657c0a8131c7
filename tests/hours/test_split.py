"""The split of the sleeper berth, 49 CFR 395.1(g)(1)(ii), on days that can be checked by hand.

All logs begin with 10 hours that end at 01:00 on day 0, so that without a split the 14 hours end at 15:00.
"""

import pytest

from app.hours.limits import Limit
from tests.hours.logs import at, log_of, told

AFTERNOON = at(-1, "15")


@pytest.mark.parametrize(
    "days, driving",
    [
        # Berth 06-14, off 19-21: counted from 14:00. 5 hours until 19, so 6 more until 03:00.
        ("off 10, drive 5, berth 8, drive 5, off 2, drive 7", ["1 03:00-04:00"]),
        # The other order: off 04-06, berth 11-19, counted from 06:00. 5 hours until 11, 6 more until 01:00.
        ("off 10, drive 3, off 2, drive 5, berth 8, drive 7", ["1 01:00-02:00"]),
        # 7 and 3, both orders.
        ("off 10, drive 5, berth 7, drive 5, off 3, drive 7", ["1 03:00-04:00"]),
        ("off 10, drive 3, off 3, drive 5, berth 7, drive 7", ["1 01:00-02:00"]),
        # 5 hours off duty and 7 in the berth (FMCSA, question 6); berth and berth; off duty and berth in one rest.
        ("off 10, drive 3, off 5, drive 5, berth 7, drive 7", ["1 03:00-04:00"]),
        ("off 10, drive 3, berth 3, drive 5, berth 7, drive 7", ["1 01:00-02:00"]),
        ("off 10, drive 3, off 2, drive 5, off 1, berth 7, drive 7", ["1 01:00-02:00"]),
        # One after the other: each rest is the second of one pair and the first of the next.
        ("off 10, drive 5, berth 7, drive 5, off 3, drive 5, berth 7, drive 7", ["1 15:00-16:00"]),
        # No pair: too short together, one too short, too little in the berth, not in one piece.
        ("off 10, drive 3, off 2, drive 5, berth 7:59, drive 7", ["0 21:59-01:59"]),
        ("off 10, drive 3, off 1:59, drive 5, berth 8:01, drive 7", ["0 22:00-02:00"]),
        ("off 10, drive 3, off 4, drive 5, berth 6:59, drive 7", ["0 22:59-02:59"]),
        ("off 10, drive 3, off 2, drive 5, berth 4, off 1, berth 4, drive 7", ["0 23:00-03:00"]),
    ],
)
def test_11_hours_count_from_the_end_of_the_first_of_a_pair(days: str, driving: list[str]) -> None:
    assert told(log_of(days, AFTERNOON), Limit.DRIVING) == driving


PAUSE = "on 3, drive 4, off 3, on 5, drive 3"
"""A pause 08-11, and driving 16-19."""


@pytest.mark.parametrize(
    "days, window",
    [
        # The pause is left out, because a rest later on makes it one of a pair: 15:00 becomes 18:00.
        (f"off 10, {PAUSE}, berth 7", ["0 18:00-19:00"]),
        (f"off 10, {PAUSE}, berth 10", ["0 18:00-19:00"]),
        (f"off 10, {PAUSE}, off 2, berth 7, off 2", ["0 18:00-19:00"]),
        (f"off 10, {PAUSE}, berth 6:59", ["0 16:00-19:00"]),
        (f"off 10, {PAUSE}, off 7", ["0 16:00-19:00"]),
        (f"off 10, {PAUSE}, off 10", ["0 16:00-19:00"]),
        (f"off 10, {PAUSE}", ["0 16:00-19:00"]),
        # Or because the rest before it does, if 7 of its 10 hours were in the berth.
        (f"berth 10, {PAUSE}, off 10", ["0 18:00-19:00"]),
        (f"off 3, berth 7, {PAUSE}, off 10", ["0 18:00-19:00"]),
        (f"off 4, berth 6, {PAUSE}, off 10", ["0 16:00-19:00"]),
        # Of two pauses only one is the partner of the rest later on, the longer one; the other one of the rest before.
        ("off 10, on 2, off 2, on 4, off 3, on 5, drive 3, berth 8", ["0 18:00-20:00"]),
        ("berth 10, on 2, off 2, on 4, off 3, on 5, drive 3, berth 8", []),
        ("berth 10, on 2, off 2, on 4, off 3, on 5, drive 3, off 8", ["0 18:00-20:00"]),
        # 8 hours in the berth first, 04-12: the 14 hours end at 15:00, with a pause of 2 hours later at 23:00. The 10
        # hours before are no partner.
        ("off 10, on 3, berth 8, drive 4, off 2", []),
        ("off 10, on 3, berth 8, drive 4, off 1:59", ["0 15:00-16:00"]),
        # Berth 04-11, off 14-17, then 10 hours off duty: the berth makes the 3 hours one of a pair (FMCSA, question 8).
        ("off 10, on 3, berth 7, on 3, off 3, on 8, drive 4, off 10", ["1 04:00-05:00"]),
        # Off 04-06 and berth 11-19: counted from 06:00 and without the 8 hours, until 04:00.
        ("off 10, drive 3, off 2, drive 5, berth 8, on 8, drive 2", ["1 04:00-05:00"]),
    ],
)
def test_a_rest_of_a_pair_is_left_out_of_the_14_hours(days: str, window: list[str]) -> None:
    assert told(log_of(days, AFTERNOON), Limit.WINDOW) == window


@pytest.mark.parametrize(
    "days, window",
    [
        # A pause 03-06 and driving until 17. The 9 hours off duty and the berth after them leave the pause in a pair.
        ("off 10, on 2, off 3, on 8, drive 3, off 9, on 1, berth 7", []),
        ("off 10, on 2, off 3, on 8, drive 3, off 10, on 1, berth 7", ["0 15:00-17:00"]),
        # 9 hours off duty 03-12 and 7 in the berth 13-20: counted from 12:00 and without the 7, until 09:00.
        ("off 10, on 2, off 9, on 1, berth 7, on 12, drive 2", ["1 09:00-10:00"]),
        # 10 hours 03-13 start anew and are no partner: until 03:00.
        ("off 10, on 2, off 10, on 1, berth 7, on 5, drive 2", ["1 03:00-04:00"]),
    ],
)
def test_10_hours_off_duty_cannot_be_paired(days: str, window: list[str]) -> None:
    assert told(log_of(days, AFTERNOON), Limit.WINDOW) == window
