"""No array and no query gives a 500, and nothing that was kept makes a later read or edit fail."""

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.driver_histories.asking import PARAMETERS, UNIDENTIFIED_PARAMETERS
from app.duty_log.words import EVENT_TYPES
from app.maven.ijson_grammar import Json
from tests.databases import Databases
from tests.driver_histories.office import PATH, UNIDENTIFIED, open_office
from tests.duty_log.samples import SYSTEM, Record, add_asset, add_person, record, uuid_of
from tests.duty_log.values import RIGHT, WRONG

REFUSALS = {400, 404, 409, 422}

RECORDS: st.SearchStrategy[Record] = st.builds(
    lambda event_type, username, right, wrong, odd: record(
        **{"eventType": event_type, "username": username, **dict(right), **dict(wrong), **odd}
    ),
    st.sampled_from([*EVENT_TYPES, "Unheard"]),
    st.sampled_from(["johndoe@mail.com", SYSTEM]),
    st.lists(st.sampled_from(RIGHT), max_size=8),
    st.lists(st.sampled_from(WRONG), max_size=1) | st.just([]),
    st.dictionaries(st.sampled_from(["odd", "a/b", "~", "__proto__", ""]), st.sampled_from([None, 1.5, [], {"x": ""}])),
)

TEXTS = st.sampled_from(
    [
        *(
            "1",
            "0",
            "-1",
            "true",
            "false",
            "*",
            "Active",
            "Driving",
            "Driver",
            uuid_of(1),
            "id",
            "-suffix",
            "first-name",
        ),
        *("2016-11-10T01:28:15.229Z", "2016-11-10T01:28:15+05:30", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59.9999Z"),
        *(
            str(2**63 - 1),
            str(-(2**63)),
            str(10**15),
            "",
            ",",
            "'",
            '";--',
            "%",
            "\U0001f69a",
            "x" * 3000,
            "Automatic Transition",
        ),
    ]
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(sorted({*PARAMETERS, *UNIDENTIFIED_PARAMETERS})), st.lists(TEXTS, min_size=1, max_size=3)
    ),
    max_size=4,
).map(lambda pairs: "&".join(urlencode({name: ",".join(texts)}, safe=",") for name, texts in pairs))


@pytest.mark.anyio
@settings(max_examples=40)
@given(
    arrays=st.lists(st.lists(RECORDS, min_size=1, max_size=3), min_size=1, max_size=3),
    changes=st.lists(st.sampled_from([*RIGHT, *WRONG]), max_size=6),
    queries=st.lists(QUERIES, max_size=6),
)
async def test_no_input_gives_a_500(
    databases: Databases, arrays: list[list[Record]], changes: list[tuple[str, Json]], queries: list[str]
) -> None:
    with databases.fresh() as url:
        async with open_office(url) as office:
            await office.database.write(add_person(0, "zero", time_zone="America/New_York"))
            await office.database.write(add_asset(0, "Unit 0"))
            count = 0
            for array in arrays:
                answer = await office.ask("POST", PATH, array)
                assert answer.status_code in {200, *REFUSALS}, answer.text
                shown = await office.history()
                assert len(shown) == count or answer.status_code == 200
                count = len(shown)
            for name, value in changes:
                ids = [one["id"] for one in await office.find("record-status=Active&driver.system=*")]
                answer = await office.ask("PUT", PATH, [{"id": ids[0] if ids else 1, name: value}])
                assert answer.status_code in {200, *REFUSALS}, answer.text
            for query in queries:
                for path in (PATH, UNIDENTIFIED):
                    answer = await office.ask("GET", f"{path}?{query}")
                    assert answer.status_code in {200, 400}, answer.text
            for one in await office.history():
                assert (await office.ask("GET", f"{PATH}/{one['id']}")).json() == one
                if one["recordStatus"] == "Active" and "deletedAt" not in one:
                    (edited,) = await office.put({"id": one["id"], "note": "still editable"})
                    assert set(one) - {"note"} <= set(edited)
