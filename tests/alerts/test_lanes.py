"""A lane: what it gives out, in which order, how many at a time, and when it wants the outbox to be looked into."""

from app.alerts.lanes import MOST_AT_ONCE, ROOM, Lane
from app.alerts.rules import Verdict
from app.hooks.model import Kind
from app.hooks.schema import HookFilter
from app.hooks.store import Hook
from app.outbox.model import Status, Topic
from app.outbox.store import Due

NOW = 1_767_225_600_000_000
DONE = Verdict(Status.SUCCEEDED)
AGAIN = Verdict(Status.PENDING, due_at=NOW + 5_000_000)


def a_lane(disabled_at: int | None = None) -> Lane:
    nothing = dict.fromkeys(
        (
            *("shown_url", "threshold", "digest", "disabled_reason", "failing_since", "last_success_at"),
            *("last_failure_at", "last_error", "rests_until", "digest_from", "digest_due_at"),
        )
    )
    hook = Hook(
        **nothing,
        pk=1,
        id="hook_1",
        name="x",
        kind=Kind.WEBHOOK,
        url="plain:x",
        events=(),
        filter=HookFilter(),
        secrets=(),
        created_at=NOW,
        updated_at=NOW,
        disabled_at=disabled_at,
    )
    return Lane(hook)


def due(pk: int, violation_pk: int | None) -> Due:
    return Due(pk, 1, Topic.CREATED, violation_pk, pk, NOW, 0, 0, None, None)


def given_out(lane: Lane) -> list[int]:
    found = []
    while (one := lane.next_due(NOW)) is not None:
        found.append(one.pk)
    return found


def end(lane: Lane, one: Due, verdict: Verdict) -> None:
    lane.sent(verdict)
    lane.noted(one, verdict)


def proven(lane: Lane) -> Lane:
    """The lane after so many successes that it sends as many at a time as it ever does."""
    for pk in range(1000, 1010):
        lane.offer(due(pk, None))
        one = lane.next_due(NOW)
        assert one is not None
        end(lane, one, DONE)
    return lane


def test_of_one_violation_one_is_under_way_until_it_is_noted() -> None:
    lane = proven(a_lane())
    first, second, other = due(1, 7), due(2, 7), due(3, 8)
    for one in (first, second, other):
        assert lane.offer(one)
    assert given_out(lane) == [1, 3]
    lane.sent(DONE)
    assert given_out(lane) == []
    lane.noted(first, DONE)
    assert given_out(lane) == [2]


def test_what_is_about_no_violation_waits_for_nothing() -> None:
    lane = proven(a_lane())
    for pk in (1, 2, 3):
        lane.offer(due(pk, None))
    assert given_out(lane) == [1, 2, 3]


def test_a_lane_begins_with_one_grows_with_success_and_falls_back() -> None:
    lane = a_lane()
    for pk in range(40):
        lane.offer(due(pk, pk))
    assert given_out(lane) == [0]
    end(lane, due(0, 0), DONE)
    assert given_out(lane) == [1, 2]
    proven_lane = proven(a_lane())
    for pk in range(40):
        proven_lane.offer(due(pk, pk))
    assert len(given_out(proven_lane)) == MOST_AT_ONCE
    for pk in range(MOST_AT_ONCE):
        end(proven_lane, due(pk, pk), AGAIN)
    assert len(given_out(proven_lane)) == 1


def test_what_waits_behind_one_that_is_tried_again_is_left_to_the_outbox() -> None:
    lane = a_lane()
    first = due(1, 7)
    for one in (first, due(2, 7), due(3, 8)):
        lane.offer(one)
    assert given_out(lane) == [1]
    end(lane, first, AGAIN)
    assert list(lane.ready) == [3]
    assert lane.look_at == AGAIN.due_at
    assert not lane.offer(due(4, 7)), "what is new may belong behind it"
    assert given_out(lane) == [3]
    assert lane.wants_look(NOW)


def test_a_full_lane_leaves_the_rest_to_the_outbox() -> None:
    lane = a_lane()
    assert all(lane.offer(due(pk, pk)) for pk in range(ROOM))
    assert not lane.offer(due(ROOM, ROOM))
    assert not lane.wants_look(NOW), "there is something here first"


def test_a_look_that_finds_nothing_ends_the_looking() -> None:
    lane = a_lane()
    lane.look_soon()
    assert lane.wants_look(NOW)
    lane.take([], None, is_all=True)
    assert not lane.wants_look(NOW)
    assert lane.offer(due(1, 7))


def test_a_look_does_not_give_out_again_what_is_under_way() -> None:
    lane = a_lane()
    lane.offer(due(1, 7))
    assert given_out(lane) == [1]
    lane.take([due(1, 7), due(2, 8)], None, is_all=True)
    assert list(lane.ready) == [2]


def test_a_look_does_not_give_out_again_what_was_noted_while_it_looked() -> None:
    lane = a_lane()
    one, other = due(1, 7), due(2, 8)
    lane.offer(one)
    assert given_out(lane) == [1]
    lane.begin_look()
    end(lane, one, DONE)  # the look has read the outbox before
    lane.take([one, other], None, is_all=True)
    assert given_out(lane) == [2]
    end(lane, other, DONE)
    lane.begin_look()
    lane.take([one], None, is_all=True)
    assert given_out(lane) == [1]


def test_nothing_is_given_out_while_it_rests_or_is_disabled() -> None:
    lane = a_lane()
    lane.offer(due(1, 7))
    lane.rests_until = NOW + 1
    assert given_out(lane) == []
    lane.rests_until = 0
    assert given_out(lane) == [1]
    disabled = a_lane(disabled_at=NOW)
    disabled.offer(due(1, 7))
    disabled.look_soon()
    assert given_out(disabled) == []
    assert not disabled.wants_look(NOW)


def test_what_could_not_be_tried_is_looked_up_again() -> None:
    lane = a_lane()
    one = due(1, 7)
    lane.offer(one)
    assert given_out(lane) == [1]
    lane.drop(one)
    assert lane.wants_look(NOW)
    lane.take([one], None, is_all=True)
    assert given_out(lane) == [1]


def test_what_waits_behind_one_that_could_not_be_tried_does_not_overtake_it() -> None:
    lane = proven(a_lane())
    first, second, other = due(1, 7), due(2, 7), due(3, 8)
    for one in (first, second, other):
        lane.offer(one)
    assert lane.next_due(NOW) == first
    lane.drop(first)
    assert given_out(lane) == [3]
    lane.take([first, second], None, is_all=True)
    assert given_out(lane) == [1]


def test_a_look_does_not_give_out_what_was_put_off_while_it_looked() -> None:
    lane = proven(a_lane())
    first, second, other = due(1, 7), due(2, 7), due(3, 8)
    lane.offer(first)
    assert given_out(lane) == [1]
    lane.begin_look()
    end(lane, first, AGAIN)  # the look has read the outbox before
    lane.take([first, other, second], None, is_all=True)
    assert given_out(lane) == [3]
    end(lane, other, DONE)
    lane.begin_look()
    lane.take([first, second], None, is_all=True)
    assert given_out(lane) == [1]
