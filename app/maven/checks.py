"""Checks of a text for pydantic's models, whose refusals are sentences for people.

Each gives the text back as it is. The sentence goes on from the field's name.
"""

from functools import cache
from zoneinfo import available_timezones

from pydantic_core import PydanticCustomError

from app.maven.faults import UNSTORABLE, excerpt, find_unstorable

REFUSED = "refused"
"""The type of a pydantic error whose message is such a sentence."""


def refusal(sentence: str) -> PydanticCustomError:
    """What a validator raises."""
    return PydanticCustomError(REFUSED, "{sentence}", {"sentence": sentence})


def storable(text: str) -> str:
    """A text that both databases keep."""
    if find_unstorable(text) is not None:
        raise refusal(UNSTORABLE)
    return text


def zone(text: str) -> str:
    """A time zone by its IANA name."""
    if text not in zone_names():
        raise refusal(f"must be a time zone by its IANA name, such as America/Chicago, not {excerpt(text)}.")
    return text


@cache
def zone_names() -> frozenset[str]:
    """The time zones there are, by their IANA names; looking through the files that have them is done once."""
    return frozenset(available_timezones())
