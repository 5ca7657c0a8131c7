"""Lists against a plain Python model: the same records, the same question, the same records in the same order."""

import json
import random

from app.db.database import open_database
from app.driver_histories.asking import read_asked
from app.duty_log.reading import list_records
from app.keys.schema import ApiKey
from tests.driver_histories.office import open_office
from tests.duty_log.listing import SORTED, TIMES, USERS, Question, draw_question, expected, fill, register
from tests.duty_log.samples import Record, keep, record, uuid_of

KEY = ApiKey("all", frozenset())


async def test_lists_are_what_the_model_says(database_url: str) -> None:
    source = random.Random(7)
    database = await open_database(database_url)
    hits = 0
    try:
        await register(database)
        log = await fill(database, source)
        # One parameter at a time, then several.
        plain = [Question(), *(Question(sort=(sort,), driver_system=("*",)) for sort in SORTED)]
        for question in [*plain, *(draw_question(source) for _ in range(800))]:
            wanted = expected(log, question)
            asked = read_asked(question.query().encode(), KEY)
            statement = list_records(
                database.dialect, asked.filter, asked.orders, offset=asked.offset, limit=asked.limit
            )
            rows = await database.fetch(statement.sql, *statement.args)
            assert [json.loads(bytes(row[0])) for row in rows] == wanted, question.query()
            hits += bool(wanted)
    finally:
        await database.close()
    assert hits > 300


async def test_the_same_by_http(database_url: str) -> None:
    source = random.Random(8)
    async with open_office(database_url) as office:
        await register(office.database)
        log = await fill(office.database, source)
        for question in (draw_question(source) for _ in range(60)):
            assert await office.find(question.query()) == expected(log, question), question.query()
        # A space for the plus of an offset, as clients write it that do not escape.
        at = "2016-11-10T03:28:15.229+02:00"
        assert await office.find(f"from-event-time={at}&to-event-time={at}&driver.system=*&from-deleted-at=*") == [
            one for one in log if one["eventTime"] == "2016-11-10T01:28:15.229Z"
        ]
        assert await office.history() == log


async def test_a_long_list_is_streamed_and_the_same(database_url: str) -> None:
    async with open_office(database_url) as office:
        await register(office.database)
        sent = [
            record(uuid=uuid_of(n), userId=USERS[n % 5], eventTime=TIMES[n % 3], note="ü" * (n % 7))
            for n in range(2345)
        ]
        kept = await keep(office.database, *sent)
        assert await office.find() == kept
        by_name = await office.find("sort=-first-name,event-time")
        assert by_name == expected(kept, Question(sort=("-first-name", "event-time")))
        for query in ("", "sort=-last-name&", "sort=event-time&", "sort=-uuid&driver.system=*&"):
            pages: list[Record] = []
            for offset in range(0, 3000, 700):
                pages += await office.find(f"{query}offset={offset}&limit=700")
            assert await office.find(query) == pages
            assert await office.find(f"{query}offset=1&limit=1001") == pages[1:1002]
            assert await office.find(f"{query}limit=1000") == pages[:1000]
        assert await office.find("offset=2345") == []
        head = await office.ask("HEAD", "/api/v2/driverHistories")
        assert (head.status_code, head.content) == (200, b"")
