"""Whom a provider tells of: subject, name and groups, of the claims of an ID token and of the user info. Pure.

Owns what is taken for a name and for groups. What groups give is `grants`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.sign_on.errors import SignOnFailed
from app.violations.telling import one_line

LONGEST_NAME = 100
"""Characters of a shown name."""
LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""
_NAMES = ("name", "preferred_username", "email")


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed on."""

    subject: str
    """By which the issuer tells people apart, printable; never given to another. Names may be."""
    name: str
    """To be shown: one line of at most 100 characters. People may choose it, and two may have the same."""
    groups: frozenset[str]


def needs_user_info(claims: Mapping[str, object], groups_claim: str) -> bool:
    """Whether an ID token leaves open what the user info may tell."""
    return claims.get(groups_claim) is None or _name(claims) is None


def read_person(claims: Mapping[str, object], user_info: Mapping[str, object] | None, groups_claim: str) -> Person:
    """A person of a valid ID token; what it does not tell is taken from the user info, if that is the same person's.

    Raises `SignOnFailed`.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not 1 <= len(subject) <= LONGEST_SUBJECT:
        raise SignOnFailed("claims", "The identity provider's ID token does not say whom it is about")
    told = user_info or {}
    if user_info is not None and told.get("sub") != subject:
        raise SignOnFailed("subject", "The identity provider's user info is about somebody else than its ID token")
    groups = claims.get(groups_claim)
    if groups is None:
        groups = told.get(groups_claim)
    name = _name(claims) or _name(told) or one_line(subject, LONGEST_NAME)
    if name is None:
        raise SignOnFailed("claims", "The identity provider gives no name for you that can be seen")
    return Person(subject, name, _read_groups(groups, groups_claim))


def _name(claims: Mapping[str, object]) -> str | None:
    for claim in _NAMES:
        value = claims.get(claim)
        if isinstance(value, str) and (line := one_line(value, LONGEST_NAME)) is not None:
            return line
    return None


def _read_groups(value: object, claim: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    # Some providers write a list of one as the one.
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(group, str) for group in listed):
        raise SignOnFailed("claims", f"The identity provider's claim {claim} is no list of group names")
    return frozenset(listed)
