"""Access tokens by OAuth 2.0 client credentials: who gets one, what it may do, and when it ends."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import httpx2
import pytest

from app.inspections.connections import LOCAL_ID
from app.keys.schema import Scope
from app.keys.tokens import TOKEN_PREFIX
from tests.command_line import serving
from tests.databases import Databases
from tests.dvir_logs.depot import ADMIN, CONNECTIONS, LOGS, TOKENS, Depot, bearer
from tests.ingest.served import assert_problem
from tests.inspections.samples import report

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = {"grant_type": "client_credentials"}


def basic(name: str, key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


async def ask(depot: Depot, fields: Mapping[str, str], headers: Mapping[str, str] = FORM) -> httpx2.Response:
    """The answer to a form."""
    return await depot.ask("POST", TOKENS, urlencode(fields).encode(), {**FORM, **headers})


def assert_token(answer: httpx2.Response, *scopes: str) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, " ".join(sorted(scopes)))
    return str(told["access_token"])


def assert_error(answer: httpx2.Response, status: int, error: str) -> None:
    problem = assert_problem(answer, status)
    assert (problem["error"], problem["error_description"]) == (error, problem["detail"])
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_by_form_by_json_and_by_basic(depot: Depot) -> None:
    for name in ("plain", "Fuhrpark Süd: 50% + 1", "100%25"):
        key = await depot.make_key(name, Scope.DVIR_READ, Scope.DVIR_WRITE)
        asked = {**GRANT, "client_id": name, "client_secret": key}
        encoded = basic(quote_plus(name), quote_plus(key))  # RFC 6749 section 2.3.1
        answers = [
            await ask(depot, asked),
            await depot.ask("POST", TOKENS, asked, {"Content-Type": "application/json"}),
            await depot.ask("POST", TOKENS, asked, {"Content-Type": "application/json; charset=utf-8"}),
            await ask(depot, GRANT, basic(name, key)),
            await ask(depot, GRANT, encoded),
            await ask(depot, asked, encoded),
        ]
        for answer in answers:
            token = assert_token(answer, "dvir:read", "dvir:write")
            assert (await depot.ask("GET", LOGS, None, bearer(token))).status_code == 200
        sent = await depot.ask("POST", LOGS, report(LOCAL_ID), bearer(token))
        with_key = await depot.ask("POST", LOGS, report(LOCAL_ID), bearer(key))
        assert sent.json()["partner_id"] == with_key.json()["partner_id"]
    assert_token(await ask(depot, {**GRANT, "client_id": "admin", "client_secret": ADMIN}), *(set(Scope) - {"webhook"}))


async def test_who_gets_none(depot: Depot) -> None:
    key = await depot.make_key("plain", Scope.DVIR_READ)
    other = await depot.make_key("other", Scope.DVIR_READ)
    right = {"client_id": "plain", "client_secret": key}
    for wrong in (
        {},
        {"client_id": "plain"},
        {"client_secret": key},
        {"client_id": "plain", "client_secret": ""},
        {"client_id": "plain", "client_secret": key + "x"},
        {"client_id": "plain", "client_secret": other},
        {"client_id": "Plain", "client_secret": key},
        {"client_id": "", "client_secret": key},
    ):
        assert_error(await ask(depot, {**GRANT, **wrong}), 401, "invalid_client")
    for headers in (basic("plain", other), basic("other", key), basic("", ""), {"Authorization": "Basic !!"}):
        assert_error(await ask(depot, GRANT, headers), 401, "invalid_client")
    for grant in ("", "password", "authorization_code", "refresh_token", "Client_Credentials"):
        assert_error(await ask(depot, {**right, "grant_type": grant}), 400, "unsupported_grant_type")
    assert_error(await ask(depot, right), 400, "invalid_request")
    assert_error(await ask(depot, {**GRANT, **right}, basic("other", other)), 400, "invalid_request")
    assert_token(await ask(depot, {**GRANT, **right, "scope": " "}), "dvir:read")
    for scope in ("admin", "read", "dvir:write", "dvir:read dvir:write", "dvir:read,", "x", "DVIR:READ"):
        assert_error(await ask(depot, {**GRANT, **right, "scope": scope}), 400, "invalid_scope")
    await depot.revoke("plain")
    assert_error(await ask(depot, {**GRANT, **right}), 401, "invalid_client")


@pytest.mark.parametrize(
    "body, content_type",
    [
        (b"\xff", None),
        (b"grant_type", None),
        (b"&&&", None),
        (b"grant_type=client_credentials&grant_type=client_credentials", None),
        (b"&".join(b"a%d=1" % n for n in range(30)), None),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"", "application/json"),
        (b'{"grant_type": 5}', "application/json"),
        (b'{"grant_type": null}', "application/json"),
    ],
)
async def test_what_is_no_request(depot: Depot, body: bytes, content_type: str | None) -> None:
    headers = FORM if content_type is None else {"Content-Type": content_type}
    assert_error(await depot.ask("POST", TOKENS, body, headers), 400, "invalid_request")


async def test_sizes_and_methods(depot: Depot) -> None:
    assert_error(await depot.ask("POST", TOKENS, b"", FORM), 400, "invalid_request")
    assert_problem(await ask(depot, {**GRANT, "client_id": "x" * 20_000}), 413)
    assert_problem(await depot.ask("GET", TOKENS), 405)


async def test_a_token_may_have_fewer_scopes(depot: Depot) -> None:
    key = await depot.make_key("both", Scope.DVIR_READ, Scope.DVIR_WRITE)
    right = {**GRANT, "client_id": "both", "client_secret": key}
    reading = assert_token(await ask(depot, {**right, "scope": "dvir:read dvir:read"}), "dvir:read")
    assert (await depot.ask("GET", LOGS, None, bearer(reading))).status_code == 200
    assert_problem(await depot.ask("POST", LOGS, report(LOCAL_ID), bearer(reading)), 403)
    assert_token(await ask(depot, {**right, "scope": ""}), "dvir:read", "dvir:write")
    admin = {**GRANT, "client_id": "admin", "client_secret": ADMIN}
    narrow = assert_token(await ask(depot, {**admin, "scope": "dvir:write"}), "dvir:write")
    assert_problem(await depot.ask("GET", CONNECTIONS, None, bearer(narrow)), 403)
    assert_problem(await depot.ask("GET", LOGS, None, bearer(narrow)), 403)
    wide = assert_token(await ask(depot, {**admin, "scope": "admin"}), "admin")
    assert (await depot.ask("GET", CONNECTIONS, None, bearer(wide))).status_code == 200


async def test_a_token_keeps_the_terminals_of_its_key(depot: Depot) -> None:
    await depot.send()
    key = await depot.make_key("pgh", Scope.DVIR_READ, terminals=["PGH"])
    token = assert_token(await ask(depot, {**GRANT, "client_id": "pgh", "client_secret": key}), "dvir:read")
    assert (await depot.ask("GET", LOGS, None, bearer(token))).json()["total"] == 0


async def test_a_token_gets_no_token(depot: Depot) -> None:
    key = await depot.make_key("plain", Scope.DVIR_READ)
    token = assert_token(await ask(depot, {**GRANT, "client_id": "plain", "client_secret": key}), "dvir:read")
    assert_error(await ask(depot, {**GRANT, "client_id": "plain", "client_secret": token}), 401, "invalid_client")
    assert_error(await ask(depot, GRANT, basic("plain", token)), 401, "invalid_client")
    assert_error(await ask(depot, GRANT, bearer(token)), 401, "invalid_client")


async def test_a_token_ends_with_its_key_and_with_its_time(depot: Depot) -> None:
    key = await depot.make_key("short", Scope.DVIR_READ)
    token = assert_token(await ask(depot, {**GRANT, "client_id": "short", "client_secret": key}), "dvir:read")
    now = int(time.time())
    for ends_at, status in ((now + 600, 200), (now - 1, 401), (0, 401)):
        made = depot.ring.make_token(key, [Scope.DVIR_READ], ends_at)
        assert made is not None
        answer = await depot.ask("GET", LOGS, None, bearer(made))
        assert answer.status_code == status
        assert status == 200 or answer.json()["detail"].startswith("This access token is wrong or has ended")
    more = depot.ring.make_token(key, [Scope.DVIR_READ, Scope.ADMIN], now + 600)  # it was an admin's key once
    assert_problem(await depot.ask("GET", CONNECTIONS, None, bearer(str(more))), 403)
    await depot.revoke("short")
    assert_problem(await depot.ask("GET", LOGS, None, bearer(token)), 401)
    await depot.make_key("short", Scope.DVIR_READ)  # another key of the same name
    assert_problem(await depot.ask("GET", LOGS, None, bearer(token)), 401)


async def test_a_token_that_was_altered_is_none(depot: Depot) -> None:
    key = await depot.make_key("plain", Scope.DVIR_READ)
    token = assert_token(await ask(depot, {**GRANT, "client_id": "plain", "client_secret": key}), "dvir:read")
    assert token.startswith(TOKEN_PREFIX)
    assert (await depot.ask("GET", LOGS, None, bearer(token))).status_code == 200
    plain = token.removeprefix(TOKEN_PREFIX)
    altered = [
        *(plain[:n] + ("A" if plain[n] != "A" else "B") + plain[n + 1 :] for n in range(len(plain))),
        *(plain[:n] for n in range(len(plain))),
        *(plain + more for more in ("A", "AAAA", "=", "!", ".")),
        *(plain[:n] + "!" + plain[n:] for n in (1, 30)),
        plain.replace("_", "/").replace("-", "+") + "!",
        f"{TOKEN_PREFIX}{plain}",
        plain.swapcase(),
    ]
    for one in altered:
        answer = await depot.ask("GET", LOGS, None, bearer(TOKEN_PREFIX + one))
        assert answer.status_code == 401, one
    for whole in (plain, "hos_key_" + plain, TOKEN_PREFIX.upper() + plain):
        assert (await depot.ask("GET", LOGS, None, bearer(whole))).status_code == 401, whole
    for odd in ("\u00e9", "\ud800", "\0", ""):
        assert depot.ring.find(f"{TOKEN_PREFIX}{odd}{plain[1:]}") is None


def test_a_token_works_everywhere_and_after_a_restart(databases: Databases, tmp_path: Path) -> None:
    settings = {"HOS_ADMIN_KEY": ADMIN, "HOS_WEBHOOK_SECRETS": "a-webhook-token"}
    with databases.fresh() as url:
        token = ""
        for _ in range(2):
            with (
                serving(cwd=tmp_path, HOS_DATABASE_URL=url, **settings) as served,
                httpx2.Client(base_url=served.url, trust_env=False, timeout=20) as client,
            ):
                if not token:
                    answer = client.post(TOKENS, data=GRANT, headers=basic("admin", ADMIN))
                    token = assert_token(answer, *(set(Scope) - {"webhook"}))
                for path in ("/v1/violations", "/v1/hooks", "/v1/quarantine", LOGS, CONNECTIONS):
                    assert client.get(path, headers=bearer(token)).status_code == 200, path
                assert client.get("/api/v2/driverHistories", headers=bearer(token)).status_code == 200
                refused = client.post("/webhooks/maven", json=[], headers=bearer(token))
                assert refused.status_code == 401
                # The pages' session would be worth nothing: it is a key's.
                refused = client.post("/sign-in", data={"key": token}, headers={"Origin": served.url})
                assert_problem(refused, 401)
                assert refused.json()["detail"] == "This is an access token. Sign in with the API key itself."
                narrow = client.post(TOKENS, data={**GRANT, "scope": "read"}, headers=basic("admin", ADMIN))
                headers = bearer(assert_token(narrow, "read"))
                assert client.get("/v1/violations", headers=headers).status_code == 200
                assert client.get("/v1/hooks", headers=headers).status_code == 403
                assert ADMIN not in served.log
                assert token not in served.log
