"""The same array again: nothing is kept twice, and what is there now is answered."""

import asyncio

from tests.databases import Databases
from tests.driver_histories.office import Office, open_office
from tests.duty_log.samples import NOW, Record, record, uuid_of, without

SENT = [record(uuid=uuid_of(n), note=f"n{n}", odd=[1.5, {"b": 1, "a": None}]) for n in range(3)]


async def test_an_array_that_is_sent_again(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(*SENT)
        office.now.at = NOW + 60_000_000
        assert await office.post(*SENT) == kept
        assert await office.post(*reversed(SENT)) == kept[::-1]
        assert await office.post(*(dict(reversed(one.items())) for one in SENT)) == kept
        again = {**SENT[0], "id": 7, "dataCheck": "x", "lastChangedDate": None, "location": None}
        assert await office.post(again, SENT[2]) == [kept[0], kept[2]]
        assert await office.post({**SENT[0], "eventTime": "2016-11-10T03:28:15.229+02:00"}) == kept[:1]
        assert await office.history() == kept


async def test_the_order_of_members_says_nothing(database_url: str) -> None:
    async with open_office(database_url) as office:
        odd: Record = {"odd": {"a": 1, "b": [{"c": 1, "d": 2}]}, "even": 2}
        back: Record = {"even": 2, "odd": {"b": [{"d": 2, "c": 1}], "a": 1}}
        kept = await office.post(record(**odd))
        assert await office.post({**back, **record()}) == kept
        (other,) = await office.post(record(even=2, odd={"a": 1, "b": [{"c": 2, "d": 1}]}))
        assert other["id"] != kept[0]["id"]


async def test_an_edit_that_changes_nothing_is_no_repetition(database_url: str) -> None:
    async with open_office(database_url) as office:
        (first,) = await office.post(record())
        (whole,) = await office.post({**first, "driverEdit": True})
        (edited,) = await office.put({"id": whole["id"]})
        unlike = ("id", "lastChangedDate")
        assert without(edited, *unlike) == without(whole, *unlike)
        history = await office.history()
        assert await office.post({**first, "driverEdit": True}) == [history[1]]
        assert history[1]["recordStatus"] == "InactiveChanged"
        assert await office.history() == history


async def test_a_record_twice_in_one_array(database_url: str) -> None:
    async with open_office(database_url) as office:
        answered = await office.post(SENT[0], SENT[1], SENT[0], SENT[0])
        assert answered == [answered[0], answered[1], answered[0], answered[0]]
        assert await office.history() == answered[:2]


async def test_a_new_one_among_known_ones(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(SENT[0])
        answered = await office.post(SENT[1], SENT[0], SENT[2])
        assert answered[1] == kept[0]
        assert await office.history() == [kept[0], answered[0], answered[2]]


async def test_what_differs_is_another_record(database_url: str) -> None:
    async with open_office(database_url) as office:
        first = record(note="1")
        differing = [
            record(note="2"),
            record(),
            record(note="1", odd=1),
            record(note="1", driverEdit=False),
            record(note="1", userId=2),
            record(note="1", uuid=uuid_of(2)),
            record(note="1", eventTime="2016-11-10T01:28:15.230Z"),
        ]
        answered = await office.post(first, *differing)
        assert len({one["id"] for one in answered}) == 1 + len(differing)


async def test_an_array_that_is_sent_again_after_an_edit(database_url: str) -> None:
    async with open_office(database_url) as office:
        kept = await office.post(*SENT)
        (edited,) = await office.put({"id": kept[1]["id"], "note": "edited"})
        (again,) = await office.put({"id": edited["id"], "note": SENT[1]["note"]})
        history = await office.history()
        answered = await office.post(*SENT)
        assert answered == history[:3]
        assert answered[1]["recordStatus"] == "InactiveChanged"
        assert await office.history() == history
        assert again == history[-1]


async def test_an_array_that_comes_many_times_at_once(databases: Databases) -> None:
    with databases.fresh() as url:
        async with open_office(url) as office, open_office(url) as other:
            offices: list[Office] = [office, other] if databases.dialect == "postgresql" else [office]
            posts = [one.post(*SENT) for _ in range(6) for one in offices]
            answers = await asyncio.gather(*posts)
            assert all(answer == answers[0] for answer in answers)
            assert await office.history() == answers[0]
