"""libpq URLs: what is handed to the driver, what is left out, and the hosts in their order."""

import pytest

from app.db.errors import DatabaseUnusable
from app.db.postgresql_connection import each_host
from app.db.postgresql_url import connect_arguments


def test_our_limits_are_added() -> None:
    arguments = connect_arguments("postgresql://u:p@h:5433/d")
    assert arguments["dsn"] == "postgresql://u:p@h:5433/d"
    assert arguments["server_settings"]["application_name"] == "hos-receiver"
    assert arguments["server_settings"]["TimeZone"] == "UTC"
    assert 0 < int(arguments["server_settings"]["lock_timeout"]) < 10_000
    assert 0 < int(arguments["server_settings"]["statement_timeout"]) < 10_000


@pytest.mark.parametrize(
    "query, kept",
    [
        ("connect_timeout=2", ""),
        ("connect_timeout=2&sslmode=require", "?sslmode=require"),
        ("sslmode=verify-full&sslrootcert=/ca.pem", "?sslmode=verify-full&sslrootcert=%2Fca.pem"),
        ("keepalives=1&keepalives_idle=5&gssencmode=disable&channel_binding=prefer", ""),
        ("host=/run/pg&user=me", "?host=%2Frun%2Fpg&user=me"),
        ("options=-csearch_path%3Dx", "?options=-csearch_path%3Dx"),
    ],
)
def test_parameters(query: str, kept: str) -> None:
    assert connect_arguments(f"postgresql://h/d?{query}")["dsn"] == f"postgresql://h/d{kept}"


def test_the_name_of_the_application_may_be_given() -> None:
    arguments = connect_arguments("postgresql:///d?application_name=mine")
    assert arguments["server_settings"]["application_name"] == "mine"
    assert "application_name" not in arguments["dsn"]


@pytest.mark.parametrize(
    "url, session",
    [
        ("postgresql://h/d", "any"),
        ("postgresql://u:a,b@h/d", "any"),
        ("postgresql://h/d,e", "any"),
        ("postgresql://a,b/d", "read-write"),
        ("postgresql://u:p@a:1,b:2/d", "read-write"),
        ("postgresql:///d?host=a,b", "read-write"),
        ("postgresql://a,b/d?target_session_attrs=any", "any"),
        ("postgresql://a/d?target_session_attrs=primary", "primary"),
    ],
)
def test_of_several_hosts_one_that_takes_writes_is_wanted(url: str, session: str) -> None:
    arguments = connect_arguments(url)
    assert arguments["target_session_attrs"] == session
    assert "target_session_attrs" not in arguments["dsn"]


@pytest.mark.parametrize("session", ["read-only", "standby", "prefer-standby", "nonsense"])
def test_a_standby_is_of_no_use(session: str) -> None:
    with pytest.raises(DatabaseUnusable, match="target_session_attrs"):
        connect_arguments(f"postgresql://a,b/d?target_session_attrs={session}")


@pytest.mark.parametrize(
    "dsn, dsns",
    [
        ("postgresql://u:p@h:1/d?x=1", ["postgresql://u:p@h:1/d?x=1"]),
        (
            "postgresql://u:p,q@h1:1,h2,[::1]:3/d?sslmode=disable",
            [
                "postgresql://u:p,q@h1:1/d?sslmode=disable",
                "postgresql://u:p,q@h2/d?sslmode=disable",
                "postgresql://u:p,q@[::1]:3/d?sslmode=disable",
            ],
        ),
        ("postgres://h1,h2", ["postgres://h1", "postgres://h2"]),
        (
            "postgresql:///d?host=/a,/b&user=me",
            ["postgresql:///d?host=%2Fa&user=me", "postgresql:///d?host=%2Fb&user=me"],
        ),
        (
            "postgresql:///d?host=a,b&port=1,2",
            ["postgresql:///d?host=a&port=1", "postgresql:///d?host=b&port=2"],
        ),
        ("postgresql:///d?host=a,b&port=1", ["postgresql:///d?host=a&port=1", "postgresql:///d?host=b&port=1"]),
    ],
)
def test_each_host_has_a_dsn_of_its_own(dsn: str, dsns: list[str]) -> None:
    assert each_host(dsn) == dsns


def test_hosts_and_ports_go_in_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        each_host("postgresql:///d?host=a,b&port=1,2,3")
