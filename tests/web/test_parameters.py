"""Query strings: what is read, and that everything else is a 400 which names the parameter."""

from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.parameters import Parameters, read_parameters
from app.web.problems import Problem

NAMES = ("name", "other", "limit")


def read(query: bytes | str) -> Parameters:
    return read_parameters(query.encode() if isinstance(query, str) else query, NAMES)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from([quote, quote_plus]), st.data())
def test_words_come_back_however_they_are_joined(
    words: list[str], encode: Callable[..., str], data: st.DataObject
) -> None:
    query = "name=" + encode(words[0], safe="")
    for word in words[1:]:
        query += data.draw(st.sampled_from([",", "&name=", "&&other=x&name="])) + encode(word, safe="")
    assert read(query).words("name") == tuple(dict.fromkeys(words))


@given(TEXTS)
def test_a_text_keeps_its_commas(text: str) -> None:
    assert read("name=" + quote(text, safe=",")).text("name") == text


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    status = 200
    for name in ("words", "text", "time", "boolean", "log_date"):
        try:
            getattr(read(query), name)("name")
        except Problem as problem:
            status = problem.status
        assert status in (200, 400)


@pytest.mark.parametrize(
    "query",
    [
        "name",
        "name=",
        "name=a,",
        "name=,a",
        "name=a,,b",
        "name=a&name=",
        "name=%",
        "name=%4",
        "name=%zz",
        "name=%ff",
        "name=%ed%a0%80",
        "name=%c0%80",
        "name=a%00b",
        "name=%00",
        b"name=\xff",
    ],
)
def test_broken_words_are_refused(query: str | bytes) -> None:
    with pytest.raises(Problem) as caught:
        read(query).words("name")
    assert caught.value.status == 400
    assert "name" in caught.value.detail


@pytest.mark.parametrize("query", ["nam=a", "Name=a", "name%20=a", "=a", "=", "name;other=a", "name[]=a", "%ff=a", "x"])
def test_unknown_names_are_refused_and_the_known_ones_named(query: str) -> None:
    with pytest.raises(Problem) as caught:
        read(query)
    assert caught.value.status == 400
    if not query.startswith("%"):
        assert "limit, name, other" in caught.value.detail


def test_a_place_without_parameters_says_so() -> None:
    with pytest.raises(Problem, match="none here"):
        read_parameters(b"a=1", ())
    read_parameters(b"", ())


def test_encoded_names_and_raw_utf8_are_understood() -> None:
    assert read("n%61me=ü").words("name") == ("ü",)
    assert read("name=a%2Cb,c").words("name") == ("a,b", "c")
    assert read("name=a+b%2Bc").text("name") == "a b+c"


@pytest.mark.parametrize("reader", ["text", "boolean", "time", "log_date", "limit"])
def test_one_value_is_one_value(reader: str) -> None:
    parameters = read("name=true&name=true&limit=1&limit=1")
    method = getattr(parameters, reader)
    with pytest.raises(Problem, match="once"):
        method() if reader == "limit" else method("name")


def test_absent_is_none() -> None:
    parameters = read("other=1")
    assert parameters.words("name") is None
    assert parameters.text("name") is None
    assert parameters.time("name") is None
    assert parameters.boolean("name") is None
    assert parameters.integer("name", 0, 1) is None
    assert parameters.log_date("name") is None
    assert parameters.some_of("name", "ab") is None
    assert parameters.one_of("name", "ab") is None
    assert parameters.limit() == 100
    assert "other" in parameters
    assert "name" not in parameters


@pytest.mark.parametrize("text, number", [("0", 0), ("007", 7), ("1000", 1000)])
def test_integers(text: str, number: int) -> None:
    assert read(f"name={text}").integer("name", 0, 1000) == number


@pytest.mark.parametrize(
    "text", ["1001", "-1", "%2B1", "+1", "1.0", "1e2", "0x1", "1_0", "%D9%A1", "9" * 5000, "1 ", "", "a"]
)
def test_no_integers(text: str) -> None:
    with pytest.raises(Problem) as caught:
        read(f"name={text}").integer("name", 0, 1000)
    assert caught.value.errors is not None
    assert caught.value.errors[0]["parameter"] == "name"


@pytest.mark.parametrize("text", ["0", "1001", "-1", "ten", "", "1,2"])
def test_limits_are_from_1_to_1000(text: str) -> None:
    with pytest.raises(Problem):
        read(f"limit={text}").limit()


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01T02:00:00+02:00",
        "2024-01-01T02:00:00%2B02:00",
        "2024-01-01T02:00:00%2002:00",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00",
    ],
)
def test_times_are_instants_also_with_a_lost_plus(text: str) -> None:
    assert read(f"name={text}").time("name") == 1_704_067_200_000_000


@pytest.mark.parametrize("text", ["2024-01-01", "now", "1704067200", "2024-13-01T00:00:00Z", "2300-01-01T00:00:00Z"])
def test_no_times(text: str) -> None:
    with pytest.raises(Problem):
        read(f"name={text}").time("name")


@pytest.mark.parametrize("text", ["2024-02-30", "20240101", "2024-1-1", "2024-01-01T00:00:00Z", "2024-01-01,"])
def test_no_log_dates(text: str) -> None:
    with pytest.raises(Problem):
        read(f"name={text}").log_date("name")
    assert read("name=2024-02-29").log_date("name") == "2024-02-29"


@pytest.mark.parametrize("text", ["1", "True", "yes", "true,false", " true"])
def test_no_booleans(text: str) -> None:
    with pytest.raises(Problem, match="true, false"):
        read(f"name={text}").boolean("name")
    assert read("name=true").boolean("name") is True
    assert read("name=false").boolean("name") is False


def test_choices_are_closed() -> None:
    assert read("name=b,a").some_of("name", ("a", "b")) == ("b", "a")
    for query in ("name=a,c", "name=A", "name=a&name=d"):
        with pytest.raises(Problem, match="a, b"):
            read(query).some_of("name", ("a", "b"))
    with pytest.raises(Problem, match="a, b"):
        read("name=a,b").one_of("name", ("a", "b"))
