"""Who is told of a change: the filters one by one and together, and the index that spares asking all hooks."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hooks.model import Kind
from app.hooks.schema import HookFilter
from app.hooks.subscriptions import Matcher, Subscription, Subscriptions, Traits, read_subscriptions
from app.violations.rules import Outcome, Standing
from app.violations.store import Change
from tests.events import CREATED, Told
from tests.maven.examples import Json, as_bytes, violation_data

TRAITS = Traits("JDOE123", "PGH", "shift_drive", "USA_PROPERTY_70_8", 0, 210, True)


@pytest.mark.parametrize(
    "asked, is_matched",
    [
        ({}, True),
        ({"terminalCodes": ["DAL", "PGH"]}, True),
        ({"terminalCodes": ["pgh"]}, False),
        ({"types": ["shift_drive"]}, True),
        ({"types": ["shift"]}, False),
        ({"rulesets": ["USA_PROPERTY_70_8"]}, True),
        ({"rulesets": ["USA_PROPERTY_60_7"]}, False),
        ({"driverIds": ["JDOE123"]}, True),
        ({"driverIds": ["JDOE124"]}, False),
        ({"minDurationMinutes": 210}, True),
        ({"minDurationMinutes": 211}, False),
        ({"egregious": True}, True),
        ({"egregious": False}, False),
        ({"safetyCritical": True}, True),
        ({"safetyCritical": False, "egregious": True}, True),
        ({"terminalCodes": ["PGH"], "egregious": False}, False),
        ({"terminalCodes": ["PGH"], "driverIds": ["JDOE123"], "minDurationMinutes": 0}, True),
    ],
)
def test_all_that_is_asked_must_hold(asked: dict[str, object], is_matched: bool) -> None:
    assert Matcher(_filter(asked)).matches(TRAITS) is is_matched


def test_what_is_asked_of_inspections_narrows_no_violation() -> None:
    assert Matcher(_filter({"safetyCritical": True})).is_open
    assert not Matcher(_filter({"safetyCritical": True, "egregious": True})).is_open


def test_a_hook_of_inspections_is_told_of_no_violation() -> None:
    rows = [
        (1, int(Kind.WEBHOOK), '["dvir_log.added"]', '{"safetyCritical":true}', None, None),
        (2, int(Kind.WEBHOOK), '["resource_operation.failed","resource_operation.succeeded"]', "{}", None, None),
        (3, int(Kind.WEBHOOK), '["dvir_log.added","violation.created"]', '{"safetyCritical":true}', None, None),
    ]
    script = read_subscriptions(1)
    next(script)
    with pytest.raises(StopIteration) as ended:
        script.send(rows)
    hooks: Subscriptions = ended.value.value
    assert list(hooks.told_of(_change(Outcome.CREATED))) == [3]
    assert hooks.thresholds == []


def test_what_a_violation_does_not_say_matches_no_word_and_no_length() -> None:
    nothing = Traits(None, None, None, None, None, None, False)
    for asked in ({"terminalCodes": ["A"]}, {"types": ["a"]}, {"rulesets": ["A"]}, {"driverIds": ["A"]}):
        assert not Matcher(_filter(asked)).matches(nothing)
    assert not Matcher(_filter({"minDurationMinutes": 0})).matches(nothing)
    assert Matcher(_filter({"egregious": False})).matches(nothing)


def _filter(asked: object) -> HookFilter:
    return HookFilter.model_validate_json(as_bytes(asked))  # type: ignore[arg-type]


def _change(outcome: Outcome, before: dict[str, Json] | None = None, **after: Json) -> Change:
    def standing(changes: dict[str, Json]) -> Standing:
        data = violation_data(**changes)
        return Standing(Told(CREATED, data, as_bytes({"eventType": CREATED, **data})).read(), None)

    return Change(1, 1, outcome, None if before is None else standing(before), standing(after))


def _hook(pk: int, asked: object = None, kind: Kind = Kind.WEBHOOK, outcomes: Iterable[int] = range(4)) -> Subscription:
    return Subscription(pk, kind, frozenset(outcomes), Matcher(_filter(asked or {})), None)


def test_a_hook_hears_of_the_changes_it_asked_for() -> None:
    hooks = Subscriptions(1, [_hook(1, outcomes=[Outcome.CREATED]), _hook(2, outcomes=[Outcome.INVALIDATED])])
    assert list(hooks.told_of(_change(Outcome.CREATED))) == [1]
    assert list(hooks.told_of(_change(Outcome.INVALIDATED))) == [2]
    assert list(hooks.told_of(_change(Outcome.UPDATED))) == []


def test_a_violation_that_left_a_terminal_is_not_shown_there_any_more() -> None:
    hooks = Subscriptions(1, [_hook(1, {"terminalCodes": ["DAL"]}), _hook(2, {"terminalCodes": ["PGH"]})])
    moved = _change(Outcome.UPDATED, {"terminalCode": "DAL"}, terminalCode="PGH")
    assert list(hooks.told_of(moved)) == [2]


def test_an_alertmanager_hears_that_a_violation_matches_no_more() -> None:
    hooks = Subscriptions(1, [_hook(1, {"terminalCodes": ["DAL"]}, Kind.ALERTMANAGER)])
    assert list(hooks.told_of(_change(Outcome.UPDATED, {"terminalCode": "DAL"}, terminalCode="PGH"))) == [1]
    assert list(hooks.told_of(_change(Outcome.UPDATED, {"terminalCode": "PGH"}, terminalCode="PGH"))) == []


TERMINALS = st.sampled_from([None, "A", "B", ""])
WORDS = st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, max_size=2, unique=True)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "terminalCodes": WORDS,
        "types": WORDS,
        "driverIds": WORDS,
        "egregious": st.booleans(),
        "minDurationMinutes": st.sampled_from([0, 60, 240]),
    },
)


@given(
    filters=st.lists(FILTERS, max_size=6),
    terminal=TERMINALS,
    kind=st.sampled_from(["A", "B"]),
    duration=st.sampled_from([None, "0:30", "4:00"]),
)
def test_the_index_finds_whom_asking_each_would(
    filters: list[dict[str, object]], terminal: str | None, kind: str, duration: str | None
) -> None:
    hooks = [_hook(n, asked) for n, asked in enumerate(filters)]
    change = _change(Outcome.CREATED, terminalCode=terminal, type=kind, driverId="A", duration=duration)
    traits = Traits.of(change.after.details.facts)
    found = list(Subscriptions(1, hooks).told_of(change))
    assert sorted(found) == [hook.pk for hook in hooks if hook.matcher.matches(traits)]
