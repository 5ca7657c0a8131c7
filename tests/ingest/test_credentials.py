"""Who may post: every kind of credential, right, wrong and unreadable, and stored tokens while they are in force."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from app.db.database import Database, open_database
from app.ingest.credentials import Headers, WebhookGate
from app.keys.ring import STALE_SECONDS, KeyRing, KeysUnknown
from app.keys.schema import ApiKey, Scope, hash_key, new_key
from app.keys.store import create_key, revoke_key

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
ROTATED = "whsec_" + base64.b64encode(b"abcdefghijklmnopqrstuvwx").decode()
TOKEN = "a shared: tökén"
NOW = 1_800_000_000
BODY = b'{"any": "bytes"}'


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


ADMIN = ApiKey("admin", frozenset(Scope) - {Scope.WEBHOOK})
SECRETS = [SECRET, TOKEN, ROTATED, "second"]


@pytest.fixture
def gate(sqlite_url: str, clock: Clock) -> WebhookGate:
    """The gate of a service in whose database there are no keys."""

    async def read_keys() -> KeyRing:
        database = await open_database(sqlite_url)
        ring = KeyRing(database, [("the-admin-key", ADMIN)], clock)
        await ring.refresh()
        await database.close()
        return ring

    return WebhookGate(SECRETS, asyncio.run(read_keys()), lambda: float(NOW))


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = await open_database(sqlite_url)
    yield opened
    await opened.close()


async def read_ring(database: Database) -> tuple[WebhookGate, KeyRing]:
    ring = KeyRing(database, [], Clock())
    await ring.refresh()
    return WebhookGate(SECRETS, ring, lambda: float(NOW)), ring


def signed(secret: str, body: bytes = BODY, at: int = NOW) -> Headers:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return [
        (b"webhook-id", b"msg_1"),
        (b"webhook-timestamp", b"%d" % at),
        (b"webhook-signature", signature.encode()),
    ]


def bearer(token: str) -> Headers:
    return [(b"authorization", b"Bearer " + token.encode())]


def basic(user: str, password: str) -> Headers:
    return [(b"authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode()))]


def api_key(token: str) -> Headers:
    return [(b"apikey", token.encode())]


@pytest.mark.parametrize("token", [TOKEN, "second"])
def test_a_token_by_each_way(gate: WebhookGate, token: str) -> None:
    assert gate.admits(bearer(token), BODY)
    assert gate.admits([(b"authorization", b"bearer   " + token.encode() + b" ")], BODY)
    assert gate.admits(basic("maven", token), BODY)
    assert gate.admits(basic("", token), BODY)
    assert gate.admits([(b"authorization", basic("u", token)[0][1].replace(b"Basic", b"BASIC"))], BODY)
    assert gate.admits(api_key(token), BODY)


def test_signatures(gate: WebhookGate) -> None:
    for secret in (SECRET, ROTATED):
        assert gate.admits(signed(secret), BODY)
        assert not gate.admits(signed(secret), BODY + b" ")
        assert not gate.admits(signed(secret, at=NOW - 301), BODY)
        assert not gate.admits(signed(secret, at=NOW + 301), BODY)
    unknown = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert not gate.admits(signed(unknown), BODY)
    # Several headers of one name are one list.
    assert gate.admits([*signed(unknown), (b"webhook-signature", signed(SECRET)[2][1])], BODY)
    for missing in range(3):
        headers = signed(SECRET)
        del headers[missing]
        assert not gate.admits(headers, BODY)


def test_a_signing_secret_is_never_a_token(gate: WebhookGate) -> None:
    for secret in (SECRET, ROTATED, SECRET.removeprefix("whsec_"), "0123456789abcdef01234567"):
        assert not gate.admits(bearer(secret), BODY)
        assert not gate.admits(basic("maven", secret), BODY)
        assert not gate.admits(api_key(secret), BODY)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", TOKEN.encode())],
        [(b"authorization", b"Token second")],
        [(b"authorization", b"Basic")],
        [(b"authorization", b"Basic !!!")],
        [(b"authorization", b"Basic \xff\xff")],
        [(b"authorization", b"Basic " + base64.b64encode(b"second"))],
        [(b"authorization", b"Basic " + base64.b64encode(b"second:"))],
        [(b"authorization", b"Basic c2Vjb25kOg")],
        [(b"authorization", b"Bearer \xff\xfe")],
        [(b"authorization", b"Bearer secon")],
        [(b"authorization", b"Bearer secondd")],
        [(b"authorization", b"Bearer Second")],
        [(b"apikey", b"")],
        [(b"apikey", b"\xff")],
        [(b"apikey", b"Bearer second")],
        [(b"webhook-signature", b"v1,AAAA")],
        [(b"webhook-id", b"\xff"), (b"webhook-timestamp", b"\xff"), (b"webhook-signature", b"\xff")],
        [(b"authorization", b"Bearer the-admin-key")],
        [(b"apikey", b"the-admin-key")],
    ],
)
def test_everything_else_is_refused(gate: WebhookGate, headers: Headers) -> None:
    assert not gate.admits(headers, BODY)


def test_one_right_credential_among_wrong_ones_is_enough(gate: WebhookGate) -> None:
    assert gate.admits([(b"webhook-signature", b"v1,AAAA"), *bearer("wrong"), *api_key("second")], BODY)
    assert gate.admits([*bearer("wrong"), *signed(SECRET)], BODY)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"apikey", b"webhook-id", b"webhook-timestamp", b"webhook-signature"]),
            st.one_of(
                st.binary(max_size=30),
                st.builds(
                    lambda scheme, rest: scheme + b" " + rest,
                    st.sampled_from([b"Basic", b"Bearer", b"v1,", b"basic"]),
                    st.one_of(st.binary(max_size=30), st.binary(max_size=30).map(base64.b64encode)),
                ),
            ),
        ),
        max_size=6,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_a_stranger_sends_makes_it_fail(gate: WebhookGate, headers: Headers) -> None:
    assert not gate.admits(headers, BODY)


async def test_a_stored_token_admits_until_it_is_revoked(database: Database) -> None:
    gate, ring = await read_ring(database)
    token = new_key(frozenset({Scope.WEBHOOK}))
    assert not gate.admits(bearer(token), BODY)
    await database.write(create_key("maven", hash_key(token), [Scope.WEBHOOK], None, 1))
    await ring.refresh()
    for headers in (bearer(token), basic("x", token), api_key(token)):
        assert gate.admits(headers, BODY)
    await database.write(revoke_key("maven", 2))
    await ring.refresh()
    for headers in (bearer(token), basic("x", token), api_key(token)):
        assert not gate.admits(headers, BODY)


@pytest.mark.parametrize("scopes", [[Scope.READ], [Scope.ADMIN], [Scope.READ, Scope.ADMIN]])
async def test_a_key_for_reading_does_not_post(database: Database, scopes: list[Scope]) -> None:
    gate, ring = await read_ring(database)
    key = new_key(frozenset(scopes))
    await database.write(create_key("reader", hash_key(key), scopes, None, 1))
    await ring.refresh()
    assert not gate.admits(bearer(key), BODY)
    assert not gate.admits(api_key(key), BODY)


def test_when_keys_are_unknown_configured_credentials_still_count(gate: WebhookGate, clock: Clock) -> None:
    clock.now += STALE_SECONDS + 0.1
    assert gate.admits(bearer(TOKEN), BODY)
    assert gate.admits(signed(SECRET), BODY)
    assert not gate.admits([], BODY)
    with pytest.raises(KeysUnknown):
        gate.admits(bearer("may be stored"), BODY)
