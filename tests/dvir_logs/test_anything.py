"""No body and no query string gives a 500, and nothing that was kept makes a later read fail."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from app.dvir_logs.asking import DEFECT_PARAMETERS, REPORT_PARAMETERS
from app.inspections.connections import LOCAL_ID
from app.maven.ijson_grammar import Json
from tests.databases import Databases
from tests.dvir_logs.depot import CONNECTIONS, DEFECTS, LOGS, TOKENS, Depot, Shown, depot_on
from tests.inspections.samples import FIELDS, full_report, uuid_of, words

LEAST, MOST = 12, 40
"""How many of a kind; they are sent to one database after another, for a new one costs more than a request."""

SCALARS: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["brakes", "pre_trip", "defect_corrected", "mi", uuid_of(1), LOCAL_ID, "2024-01-01T00:00:00Z"]),
    st.sampled_from(["\0", "\ud800", "\uffff", "\u2028", "<script>", "'; --", "%s", "{}", "2024-13-01T00:00:00Z"]),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["defect_type", "notes", ""]), inner, max_size=4)
    ),
    max_leaves=8,
)
REPORTS = st.builds(
    lambda changes: {**full_report(LOCAL_ID), **changes},
    st.dictionaries(st.sampled_from(FIELDS) | st.sampled_from(["id", "logs", "", "a/b~"]), VALUES, max_size=3),
)
CONNECTED = st.dictionaries(
    st.sampled_from(words("name kind url method credentials mapping fleet_ref source_name id")), VALUES, max_size=5
).map(lambda changes: {"name": "x", "kind": "http", "url": "http://93.184.215.14/", **changes})
CREDENTIALS = st.dictionaries(
    st.sampled_from(words("type token username password name value")), SCALARS, max_size=4
).map(lambda credentials: {"name": "x", "kind": "http", "url": "http://93.184.215.14/", "credentials": credentials})
ANYTHING = st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode())
TEXTS = st.text(max_size=10) | st.sampled_from(
    ["true", "false", "1", "1000", "-1", uuid_of(1), LOCAL_ID, "brakes", "unknown", "2024-01-01T00:00:00Z", ",", "\0"]
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(sorted({*REPORT_PARAMETERS, *DEFECT_PARAMETERS, "is_sync"})), TEXTS), max_size=4
).map(lambda pairs: urlencode(pairs, errors="replace")) | st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=40
)
SEGMENTS = st.text(min_size=1, max_size=12).map(lambda text: quote(text, safe="", errors="replace")) | st.sampled_from(
    [LOCAL_ID, uuid_of(1), "%00", "%ff", "%", "%zz", "x" * 3000]
)


@asynccontextmanager
async def fresh(databases: Databases) -> AsyncIterator[Depot]:
    with databases.fresh() as url:
        async with depot_on(url) as depot:
            yield depot


def several(one: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Many to one database: what was kept before is read along."""
    return st.lists(one, min_size=LEAST, max_size=MOST)


@settings(max_examples=10)
@given(bodies=several(REPORTS | ANYTHING))
async def test_reports(databases: Databases, bodies: list[object]) -> None:
    async with fresh(databases) as depot:
        kept = 0
        for body in bodies:
            answer = await depot.ask("POST", LOGS, body)
            assert answer.status_code in (202, 400, 404, 413, 422), answer.text
            if answer.status_code == 202:
                kept += 1
                operation = answer.json()
                shown = await depot.operation(operation)
                assert shown["payload"] == operation["payload"]
        for path in (LOGS, DEFECTS):
            page = await depot.given("GET", f"{path}?size=1000")
            assert path == DEFECTS or page["total"] == kept


@settings(max_examples=10)
@given(bodies=several(CONNECTED | CREDENTIALS | ANYTHING), changes=several(CONNECTED | CREDENTIALS | VALUES))
async def test_connections(databases: Databases, bodies: list[object], changes: list[object]) -> None:
    async with fresh(databases) as depot:
        made: list[str] = []
        for body in bodies:
            answer = await depot.ask("POST", CONNECTIONS, body)
            assert answer.status_code in (201, 400, 422), answer.text
            if answer.status_code == 201:
                made.append(answer.json()["id"])
        for change in changes:
            if isinstance(change, dict):
                change = {name: value for name, value in change.items() if name != "kind"}
            answer = await depot.ask("PATCH", f"{CONNECTIONS}/{made[-1] if made else LOCAL_ID}", change)
            assert answer.status_code in (200, 400, 422), answer.text
        listed: Shown = await depot.given("GET", CONNECTIONS)
        assert listed["total"] == len(made) + 1


@settings(max_examples=10)
@given(queries=several(QUERIES), segments=several(SEGMENTS))
async def test_questions(databases: Databases, queries: list[object], segments: list[object]) -> None:
    async with fresh(databases) as depot:
        await depot.keep(full_report(LOCAL_ID))
        for query in queries:
            for path in (LOGS, DEFECTS):
                answer = await depot.ask("GET", f"{path}?{query}")
                assert answer.status_code in (200, 400), (query, answer.text)
            answer = await depot.ask("POST", f"{LOGS}?{query}", b"{}")
            assert answer.status_code in (400, 422), (query, answer.text)
        for segment in segments:
            for path in (f"{CONNECTIONS}/{segment}", f"{CONNECTIONS}/{LOCAL_ID}/resource-operations/{segment}"):
                answer = await depot.ask("GET", path)
                assert answer.status_code in (200, 400, 404), (path, answer.text)


@settings(max_examples=10)
@given(bodies=several(ANYTHING), fields=several(st.dictionaries(st.sampled_from(["grant_type", "scope"]), TEXTS)))
async def test_tokens(databases: Databases, bodies: list[object], fields: list[object]) -> None:
    async with fresh(databases) as depot:
        for content_type in ("application/json", "application/x-www-form-urlencoded", "", "x"):
            for body in bodies:
                answer = await depot.ask("POST", TOKENS, body, {"Content-Type": content_type})
                assert answer.status_code in (400, 401), answer.text
        for one in fields:
            form = urlencode({"grant_type": "client_credentials", **one}, errors="replace").encode()  # type: ignore[dict-item]
            answer = await depot.ask("POST", TOKENS, form, {"Content-Type": "application/x-www-form-urlencoded"})
            assert answer.status_code in (400, 401), answer.text
