"""Which rights the groups of an identity provider give: the setting `HOS_OIDC_GROUPS`, read and applied. Pure.

One line, entries apart by `;`, each `group=scopes` or `group=scopes@terminals`, lists apart by commas:
`safety=read,review;yard-pgh=read@PGH,CLE;it=admin`. A group's name is what stands before the last `=` of its entry, so
it may have `=`, `,` and `@` in it (a DN does), but no `;`. Spaces around names and words do not count, capitals do.

What a person in several groups may do: the session has one set of terminals for all scopes, so scopes cannot each
have their own. `admin` is above `read` with `review`, that is above `read` with `dvir:read`, that is above `read` with
`log:read`, that is above `read` alone, and the groups that give the most decide: their terminals are united, and one of
them without terminals means all. Groups that give less add nothing, unless for all these terminals, for their terminals
would be open to the higher scope too. So nobody gets at a terminal what no group of theirs gives there; but who may
read everywhere by one group and review at PGH by another reviews at PGH and reads nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.keys.schema import Scope

_RANKS = {Scope.READ: 0, Scope.LOG_READ: 1, Scope.DVIR_READ: 2, Scope.REVIEW: 4, Scope.ADMIN: 8}
"""What each scope adds to the rank of a grant; any two grants of one rank open the same things."""
_DOES = {Scope.REVIEW: "reviews", Scope.LOG_READ: "looks at logs", Scope.DVIR_READ: "looks at inspections"}
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Grant:
    """What a group, or a person by all their groups, may do. Read as the fields of an `ApiKey`."""

    scopes: frozenset[Scope]
    """Never `webhook` or one that writes records. With the others there is `read`."""
    terminals: frozenset[str] | None
    """Terminal codes whose violations may be seen; None for all, as `admin` always has."""

    @property
    def rank(self) -> int:
        """Higher is more; of two grants with one rank the scopes open the same things."""
        return _RANKS[Scope.ADMIN] if Scope.ADMIN in self.scopes else sum(_RANKS[scope] for scope in self.scopes)


def read_groups(text: str) -> dict[str, Grant]:
    """Group to grant, of the setting `HOS_OIDC_GROUPS`. Raises ValueError that names the wrong entry."""
    grants: dict[str, Grant] = {}
    for entry in text.split(";"):
        if not entry.strip():
            raise ValueError("there is an entry with nothing in it; write group=scopes, apart by ;")
        name, equals, rights = entry.rpartition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"{_shown(entry)} is no entry; write group=scopes or group=scopes@terminals")
        if name in grants:
            raise ValueError(f"the group {_shown(name)} is there twice; give all its scopes in one entry")
        grants[name] = _read_grant(name, rights)
    return grants


def grant_for(groups: Collection[str], grants: Mapping[str, Grant]) -> Grant | None:
    """What a person in these groups may do; None when none of them gives anything."""
    given = [grants[name] for name in set(groups) if name in grants]
    if not given:
        return None
    most = max(grant.rank for grant in given)
    deciding = [grant for grant in given if grant.rank == most]
    terminals: frozenset[str] | None = frozenset()
    for grant in deciding:
        terminals = None if terminals is None or grant.terminals is None else terminals | grant.terminals
    # What an administrator's other groups give is theirs already.
    is_admin = most == _RANKS[Scope.ADMIN]
    adding = [grant for grant in given if is_admin or grant.rank == most or _covers(grant.terminals, terminals)]
    return Grant(frozenset().union(*(grant.scopes for grant in adding)), terminals)


def _covers(terminals: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    return terminals is None or (others is not None and terminals >= others)


def _read_grant(name: str, rights: str) -> Grant:
    of = f"of the group {_shown(name)}"
    listed, at, codes = rights.partition("@")
    scopes = frozenset(_read_scope(word, of) for word in _listed(listed, "scopes", of))
    if not scopes & {Scope.READ, Scope.ADMIN}:
        raise ValueError(f"the scopes {of} have {min(scopes)} without read; who {_DOES[min(scopes)]} has to read")
    if not at:
        return Grant(scopes, None)
    if Scope.ADMIN in scopes:
        raise ValueError(f"the scopes {of} have admin, which is not limited to terminals; leave out what begins with @")
    return Grant(scopes, frozenset(_listed(codes, "terminals", of)))


def _listed(text: str, what: str, of: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise ValueError(f"the {what} {of} have one with nothing in it; write them apart by one comma")
    for word in words:
        if not word.isprintable():
            raise ValueError(f"the {what} {of} have a character in them that cannot be seen")
        if words.count(word) > 1:
            raise ValueError(f"the {what} {of} have {_shown(word)} twice")
    return words


def _read_scope(word: str, of: str) -> Scope:
    if word in (Scope.WEBHOOK, Scope.LOG_WRITE, Scope.DVIR_WRITE):
        raise ValueError(f"the scopes {of} have {word}, which people do not get: who reads evidence must not write it")
    try:
        return Scope(word)
    except ValueError:
        known = ", ".join(_RANKS)
        raise ValueError(f"the scopes {of} have {_shown(word)}, which is none; there are {known}") from None


def _shown(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
