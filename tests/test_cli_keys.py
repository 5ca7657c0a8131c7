"""`keys`: what is made, listed and revoked, and which names are taken."""

import re
from pathlib import Path

import pytest

from app.keys.schema import SCOPE_NAMES, hash_key
from tests.command_line import Call, caller

KEY = re.compile(r"hos_(key|webhook)_[A-Za-z0-9_-]{43}")


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def made(call: Call, *arguments: str) -> str:
    """The key that `keys create` printed."""
    result = call("keys", "create", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()[-1]


def test_create_prints_the_key_alone_on_its_last_line(call: Call) -> None:
    result = call("keys", "create", "Grafana (read)", "--scope", "read")
    assert result.exit_code == 0
    assert result.stderr == ""
    *before, last = result.stdout.splitlines()
    assert KEY.fullmatch(last)
    assert before == ["Key Grafana (read) (read), shown this once:"]


def test_a_webhook_token_is_told_by_its_prefix(call: Call) -> None:
    assert made(call, "maven", "--scope", "webhook").startswith("hos_webhook_")
    assert made(call, "both", "--scope", "webhook", "--scope", "read").startswith("hos_key_")


def test_a_key_for_reviews_may_be_made(call: Call) -> None:
    made(call, "desk", "--scope", "read", "--scope", "review", "--terminal", "PGH")
    assert call("keys", "list").stdout.split("\t")[:3] == ["desk", "read,review", "PGH"]


def test_list_tells_all_but_the_key(call: Call) -> None:
    first = made(call, "b", "--scope", "read", "--scope", "admin")
    second = made(call, "a", "--scope", "read", "--terminal", "PGH", "--terminal", "CLE", "--terminal", "PGH")
    call("keys", "revoke", "b")
    result = call("keys", "list")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:3] for line in lines] == [["a", "read", "CLE,PGH"], ["b", "admin,read", "all terminals"]]
    assert lines[0][4] == "in force"
    assert re.fullmatch(r"revoked \d{4}-\d\d-\d\dT\S+Z", lines[1][4])
    for key in (first, second):
        assert key not in result.stdout
        assert hash_key(key) not in result.stdout


def test_without_keys_the_list_says_so(call: Call) -> None:
    assert call("keys", "list").stderr == "There are no keys.\n"
    result = call("keys", "list", HOS_ADMIN_KEY="a" * 32)
    assert (result.stdout, result.stderr) == (
        "admin\tadmin,read,review\tall terminals\tfrom HOS_ADMIN_KEY\tin force\n",
        "",
    )


def test_an_unknown_scope_is_said_plainly(call: Call) -> None:
    result = call("keys", "create", "x", "--scope", "foo")
    assert result.exit_code == 2
    assert f"must be {SCOPE_NAMES}, not 'foo'" in result.stderr
    assert "Value error" not in result.stderr


def test_the_file_that_was_made_is_named_once(tmp_path: Path) -> None:
    call = caller(f"sqlite:///{tmp_path}/new/hos.db")
    first = call("keys", "create", "x", "--scope", "read").stdout.splitlines()
    assert first[0].startswith(f"Made the database {tmp_path}/new/hos.db;")
    assert len(call("keys", "create", "y", "--scope", "read").stdout.splitlines()) == len(first) - 1


def test_a_name_is_taken_until_it_is_revoked(call: Call) -> None:
    made(call, "x", "--scope", "read")
    again = call("keys", "create", "x", "--scope", "admin")
    assert again.exit_code == 1
    assert again.stdout == ""
    assert again.stderr == ("hos-receiver: a key named x is in force already; revoke it first or choose another name\n")
    assert call("keys", "revoke", "x").exit_code == 0
    made(call, "x", "--scope", "admin")
    assert len(call("keys", "list").stdout.splitlines()) == 2


def test_revoking_what_is_not_there_fails(call: Call) -> None:
    result = call("keys", "revoke", "nobody")
    assert result.exit_code == 1
    assert result.stderr == "hos-receiver: no key named nobody is in force; see: hos-receiver keys list\n"


@pytest.mark.parametrize("name", ["", " ", "\t", "a\nb", "x" * 101, "nul\0", "\udcff", "a\u202eb", "\uffff"])
def test_a_name_must_be_one(call: Call, name: str) -> None:
    result = call("keys", "create", name, "--scope", "read")
    assert result.exit_code == 2
    assert "1 to 100 printable characters" in result.stderr
    assert call("keys", "list").stdout == ""


@pytest.mark.parametrize("name", ["x", "x" * 100, "Grüße, 東京 🚚", "admin"])
def test_a_name_may_be_any_text(call: Call, name: str) -> None:
    made(call, name, "--scope", "read")
    assert call("keys", "list").stdout.startswith(f"{name}\t")


@pytest.mark.parametrize(
    "arguments,said",
    [
        (["x"], "--scope"),
        (["x", "--scope", "write"], f"must be {SCOPE_NAMES}"),
        (["--scope", "read"], "NAME"),
        (["x", "--scope", "read", "--terminal", ""], "not blank"),
        (["x", "--scope", "read", "--terminal", "PGH", "--terminal", "  "], "not blank"),
        (["x", "--scope", "webhook", "--terminal", "PGH"], "reads nothing"),
    ],
)
def test_wrong_usage_is_status_2_and_makes_nothing(call: Call, arguments: list[str], said: str) -> None:
    result = call("keys", "create", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert call("keys", "list").stdout == ""


def test_the_name_admin_belongs_to_the_setting(call: Call) -> None:
    settings = {"HOS_ADMIN_KEY": "k" * 32}
    result = call("keys", "create", "admin", "--scope", "read", **settings)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "hos-receiver: the name admin belongs to the key in HOS_ADMIN_KEY; choose another name\n"
    assert call("keys", "list", **settings).stdout.startswith("admin\t")
    revoked = call("keys", "revoke", "admin", **settings)
    assert revoked.exit_code == 1
    assert "HOS_ADMIN_KEY" in revoked.stderr
