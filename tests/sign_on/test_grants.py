"""The setting of groups: what is taken, what is refused and how that reads, and what several groups give together."""

import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.keys.schema import ApiKey, Scope
from app.sign_on.grants import Grant, grant_for, read_groups

READ = frozenset([Scope.READ])
REVIEW = frozenset([Scope.READ, Scope.REVIEW])
ADMIN = frozenset([Scope.ADMIN])
TERMINALS = ["PGH", "CLE", "DEN"]

KNOWN = "read, log:read, dvir:read, review, admin"


def test_the_example_of_the_pages_is_read() -> None:
    assert read_groups("safety-managers=read,review;yard-pgh=read@PGH,CLE;it=admin") == {
        "safety-managers": Grant(REVIEW, None),
        "yard-pgh": Grant(READ, frozenset(["PGH", "CLE"])),
        "it": Grant(ADMIN, None),
    }


@pytest.mark.parametrize(
    "text,groups",
    [
        (" a b = read , review @ New York , x@y ", {"a b": Grant(REVIEW, frozenset(["New York", "x@y"]))}),
        ("CN=Safety,OU=Fleet=read", {"CN=Safety,OU=Fleet": Grant(READ, None)}),
        ("/fleet/yard@night=read", {"/fleet/yard@night": Grant(READ, None)}),
        ("it=read;IT=admin,review", {"it": Grant(READ, None), "IT": Grant(ADMIN | {Scope.REVIEW}, None)}),
    ],
)
def test_names_may_have_signs_in_them(text: str, groups: dict[str, Grant]) -> None:
    assert read_groups(text) == groups


@pytest.mark.parametrize(
    "text,sentence",
    [
        ("", "there is an entry with nothing in it; write group=scopes, apart by ;"),
        ("it=admin;", "there is an entry with nothing in it; write group=scopes, apart by ;"),
        ("it", "'it' is no entry; write group=scopes or group=scopes@terminals"),
        ("=read", "'=read' is no entry; write group=scopes or group=scopes@terminals"),
        ("a=read; a =admin", "the group 'a' is there twice; give all its scopes in one entry"),
        ("a=", "the scopes of the group 'a' have one with nothing in it; write them apart by one comma"),
        ("a=read,", "the scopes of the group 'a' have one with nothing in it; write them apart by one comma"),
        ("a=read,read", "the scopes of the group 'a' have 'read' twice"),
        (
            "a=Read",
            f"the scopes of the group 'a' have 'Read', which is none; there are {KNOWN}",
        ),
        ("a=review", "the scopes of the group 'a' have review without read; who reviews has to read"),
        (
            "a=read,webhook",
            ("the scopes of the group 'a' have webhook, which people do not get: who reads evidence must not write it"),
        ),
        (
            "a=admin@PGH",
            ("the scopes of the group 'a' have admin, which is not limited to terminals; leave out what begins with @"),
        ),
        ("a=read@", "the terminals of the group 'a' have one with nothing in it; write them apart by one comma"),
        (
            "a=read@PGH,,CLE",
            "the terminals of the group 'a' have one with nothing in it; write them apart by one comma",
        ),
        ("a=read@PGH,PGH", "the terminals of the group 'a' have 'PGH' twice"),
        ("a=read@P\x00GH", "the terminals of the group 'a' have a character in them that cannot be seen"),
        (
            f"{'g' * 99}=x",
            f"the scopes of the group '{'g' * 59}…' have 'x', which is none; there are {KNOWN}",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_groups(text)


@pytest.mark.parametrize(
    "groups,grant",
    [
        ([], None),
        (["unknown", "IT"], None),
        (["all"], Grant(READ, None)),
        (["pgh", "cle"], Grant(READ, frozenset(["PGH", "CLE"]))),
        (["all", "pgh"], Grant(READ, None)),
        (["pgh-review", "cle"], Grant(REVIEW, frozenset(["PGH"]))),
        (["pgh-review", "all"], Grant(REVIEW, frozenset(["PGH"]))),
        (["pgh-review", "all-review"], Grant(REVIEW, None)),
        (["it", "pgh", "pgh-review"], Grant(ADMIN | REVIEW, None)),
    ],
)
def test_several_groups(groups: list[str], grant: Grant | None) -> None:
    text = "all=read;pgh=read@PGH;cle=read@CLE;pgh-review=read,review@PGH;all-review=read,review;it=admin"
    assert grant_for(groups, read_groups(text)) == grant


GRANTS = st.one_of(
    st.just(Grant(ADMIN, None)),
    st.builds(
        Grant,
        st.sampled_from([READ, REVIEW]),
        st.none() | st.frozensets(st.sampled_from(TERMINALS), min_size=1),
    ),
)


def may(grant: Grant, scope: Scope, terminal: str) -> bool:
    key = ApiKey("k", grant.scopes, grant.terminals)
    return key.may(scope) and (key.terminals is None or terminal in key.terminals)


@given(st.dictionaries(st.sampled_from("abcd"), GRANTS), st.frozensets(st.sampled_from("abcdef")))
def test_nobody_gets_at_a_terminal_what_no_group_of_theirs_gives_there(
    grants: dict[str, Grant], groups: frozenset[str]
) -> None:
    own = [grants[name] for name in groups & grants.keys()]
    given_ = grant_for(groups, grants)
    if given_ is None:
        assert own == []
        return
    for scope, terminal in product(Scope, TERMINALS):
        if may(given_, scope, terminal):
            assert any(may(grant, scope, terminal) for grant in own), (scope, terminal)
    assert any(may(given_, Scope.READ, terminal) for terminal in TERMINALS)
    # The most that any group gives is theirs, wherever a group gives it.
    most = max(grant.rank for grant in own)
    for grant in own:
        if grant.rank == most:
            for scope, terminal in product(Scope, TERMINALS):
                assert may(given_, scope, terminal) or not may(grant, scope, terminal)


@given(st.text(st.sampled_from("ab=;,@ readwhok\t\x00é"), max_size=40) | st.text())
@example("a=read@PGH;b=admin")
def test_whatever_is_set_is_read_or_refused_in_a_line(text: str) -> None:
    refused = ""
    try:
        grants = read_groups(text)
    except ValueError as error:
        refused = str(error)
    if refused:
        assert refused.isprintable()
        assert len(refused) < 1400
        return
    assert len(grants) == text.count(";") + 1
    for name, grant in grants.items():
        assert name == name.strip() != ""
        assert grant.scopes
        assert grant.scopes <= {Scope.READ, Scope.REVIEW, Scope.ADMIN}
        assert grant.terminals is None or (grant.terminals and Scope.ADMIN not in grant.scopes)


NAMES = st.text(st.characters(exclude_characters=";", exclude_categories=["C"]), min_size=1).map(str.strip).filter(bool)
CODES = st.text(st.characters(exclude_characters=";,=", exclude_categories=["C", "Z"]), min_size=1)
WRITTEN = st.dictionaries(NAMES, GRANTS | st.builds(Grant, st.just(READ), st.frozensets(CODES, min_size=1)), min_size=1)


@given(WRITTEN)
def test_what_is_written_is_read_again(grants: dict[str, Grant]) -> None:
    entries = [
        f"{name}={','.join(grant.scopes)}{'' if grant.terminals is None else '@' + ','.join(grant.terminals)}"
        for name, grant in grants.items()
    ]
    assert read_groups(";".join(entries)) == grants
