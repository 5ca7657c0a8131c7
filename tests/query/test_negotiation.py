"""Which media type a client gets for its `Accept`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.query.negotiation import choose
from app.web.problems import Problem

JSON, CSV, NDJSON = OFFERED = ("application/json", "text/csv", "application/x-ndjson")


@pytest.mark.parametrize(
    "accept, chosen",
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/csv; charset=utf-8", CSV),
        ('text/csv;header="present"; q=0.5', CSV),
        ("application/x-ndjson", NDJSON),
        ("text/csv, */*", CSV),
        ("*/*, text/csv", CSV),
        ("text/csv, application/json", CSV),
        ("application/json, text/csv", JSON),
        ("text/csv;q=0.5, application/json", JSON),
        ("text/csv;q=0.5, application/json;q=0.499", CSV),
        ("application/json;q=0, */*", CSV),
        ("*/*;q=0.1, application/x-ndjson;q=0.2", NDJSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("text/csv;q=2, application/json;q=0.1", JSON),
        ("nonsense, text/csv", CSV),
        ("text/csv ; Q=1.000", CSV),
    ],
)
def test_choices(accept: str | None, chosen: str) -> None:
    assert choose(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "*/*;q=0", "text/csv;q=0", "nonsense", "application/json;q=0.0000", "*/csv"]
)
def test_nothing_fits(accept: str) -> None:
    with pytest.raises(Problem) as caught:
        choose(accept, OFFERED)
    assert caught.value.status == 406
    assert caught.value.headers == {"Vary": "accept"}
    assert all(media_type in caught.value.detail for media_type in OFFERED)


@given(st.text(alphabet='text/csv*,;q=01. "\\', max_size=60))
def test_any_header_is_answered(accept: str) -> None:
    status = 200
    try:
        assert choose(accept, OFFERED) in OFFERED
    except Problem as problem:
        status = problem.status
    assert status in (200, 406)
