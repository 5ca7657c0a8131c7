"""Messages by Apprise as they arrive, or do not: real servers on loopback, real processes that run Apprise."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from app.alerts.messages import Kind
from app.dialling.errors import DialFailed, DialRefused
from tests.alerts.apprised import LOOPBACK, MESSAGE, ROOT, children, failing, sending
from tests.dialling.answering import answering, certificate, http, saying

pytestmark = pytest.mark.anyio


async def test_a_message_arrives_and_its_process_is_kept() -> None:
    async with (
        answering(saying(http(200, b"", "Connection: close"), goes_on=False)) as server,
        sending(*LOOPBACK) as sender,
    ):
        url = f"json://ann:secret@127.0.0.1:{server.port}/in?+X-Token=secret"
        assert await sender.check(url) == f"json://127.0.0.1:{server.port}/****"
        assert server.connections == 0
        (process,) = children()
        for _ in range(3):
            await sender.send(url, MESSAGE)
        assert children() == [process]
    assert [request.line for request in server.asked] == ["POST /in HTTP/1.1"] * 3
    told = json.loads(server.asked[0].body)
    assert (told["title"], told["message"], told["type"]) == (MESSAGE.title, MESSAGE.body, "warning")
    assert server.asked[0].headers["x-token"] == "secret"
    assert not process.is_running()


async def test_what_serves_never_loads_apprise() -> None:
    # In a process of its own: in this one other tests have loaded it.
    program = "import sys, app.main; sys.exit(str({'apprise', 'requests'} & sys.modules.keys()))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT, stderr=PIPE)
    _, told = await process.communicate()
    assert told.decode().strip() == "set()"


@pytest.mark.parametrize(
    "kind, sent", [("problem", "warning"), ("urgent", "failure"), ("good", "success"), ("info", "info")]
)
async def test_kinds(kind: Kind, sent: str) -> None:
    async with answering(saying(http(200))) as server, sending(*LOOPBACK) as sender:
        await sender.send(f"json://127.0.0.1:{server.port}/", replace(MESSAGE, kind=kind))
    assert json.loads(server.asked[0].body)["type"] == sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with answering(saying(http(200))) as second:
        away = http(status, b"", f"Location: http://127.0.0.1:{second.port}/")
        async with answering(saying(away)) as first, sending(*LOOPBACK) as sender:
            # What a URL asks for does not count.
            failed = await failing(sender, f"json://127.0.0.1:{first.port}/?redirect=yes")
    assert (failed.outcome, len(first.asked), second.connections) == ("protocol", 1, 0)
    assert f"answered {status}, a redirect, which is not followed" in str(failed)


@pytest.mark.parametrize(
    "host, allowed, told",
    [
        ("127.0.0.1", [], "loopback"),
        ("localhost", [], "loopback"),
        ("127.0.0.1", ["10.0.0.0/8"], "loopback"),
        ("10.0.0.1", LOOPBACK, "private"),
        ("[::1]", LOOPBACK, "loopback"),
        ("2130706433", [], "loopback"),
        ("0x7f000001", [], "not one that Apprise knows|loopback"),
        ("127.1", [], "not one that Apprise knows"),
        ("[::ffff:7f00:1]", [], "loopback"),
        ("[::ffff:a00:1]", LOOPBACK, "private"),
        ("0.0.0.0", LOOPBACK, "unspecified"),
        ("169.254.169.254", ["0.0.0.0/0", "::/0"], "cloud metadata"),
        ("[fd00:ec2::254]", ["0.0.0.0/0", "::/0"], "cloud metadata"),
        ("[::ffff:a9fe:a9fe]", ["0.0.0.0/0", "::/0"], "cloud metadata"),
    ],
)
async def test_forbidden_addresses(host: str, allowed: list[str], told: str) -> None:
    async with answering(saying(http(200))) as server, sending(*allowed) as sender:
        url = f"json://ann:secret@{host}:{server.port}/secret"
        for dial in (sender.check(url), sender.send(url, MESSAGE)):
            with pytest.raises(DialRefused, match=told) as refused:
                await dial
            assert "secret" not in str(refused.value)
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "syslog://",
        "dbus://",
        "kde://",
        "glib://",
        "gnome://",
        "macosx://",
        "windows://",
        "blink1://",
        "rsyslog://127.0.0.1",
        "irc://127.0.0.1/%23secret",
        "mqtt://127.0.0.1/secret",
        "amqp://127.0.0.1/secret",
        "growl://127.0.0.1",
        "xmpp://ann:secret@127.0.0.1",
        "smpp://ann:secret@127.0.0.1/15551234567/15551234567",
        "nostr://" + "a" * 64,
        "vapid://ann@example.com/secret",
        "json://127.0.0.1/secret?verify=no",
        "jsons://127.0.0.1/secret?verify=false",
        "jsons://127.0.0.1/secret?VERIFY=0",
        "mailtos://ann:secret@example.com?verify=no&smtp=127.0.0.1",
        "json://127.0.0.1/secret?rto=15.1",
        "json://127.0.0.1/secret?cto=60",
        "json://127.0.0.1/secret?cto=nan",
        "discord://4174216298/secretsecretsecretsecret?template=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/secretsecretsecretsecret?template=http://127.0.0.1/t",
        "workflows://127.0.0.1:443/secret/secret?template=file:///etc/passwd",
        "mailto://ann:secret@example.com?smtp=127.0.0.1&pgp=yes&pgpkey=/etc/passwd",
        "fcm://secret/?mode=oauth2&keyfile=/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/secret",
        "https://example.com/secret",
        "secret://127.0.0.1/",
        "json://",
        "slack://secret",
        "secret",
        "",
        " json://127.0.0.1/secret",
        "json://127.0.0.1/secret\r\nX: y",
        "json://127.0.0.1/secret\x00",
        "json://127.0.0.1/secret\ud800",
        "json://127.0.0.1/" + "secret" * 1000,
    ],
)
async def test_urls_that_may_not_be_used(url: str) -> None:
    async with sending(*LOOPBACK) as sender:
        for dial in (sender.check(url), sender.send(url, MESSAGE)):
            with pytest.raises(DialRefused) as refused:
                await dial
            # "secret" may be the name of a service, which is none.
            assert "secret" not in str(refused.value)
            assert "\n" not in str(refused.value)


async def test_a_url_that_leads_nowhere() -> None:
    async with sending(*LOOPBACK) as sender:
        with pytest.raises(DialRefused, match="The json:// URL leads nowhere"):
            await sender.check("json://127.0.0.1:99999/secret")


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
async def test_a_service_that_refuses(status: int) -> None:
    async with answering(saying(http(status, b"secret"))) as server, sending(*LOOPBACK) as sender:
        failed = await failing(
            sender, f"json://ann:secret@127.0.0.1:{server.port}/secret?+X=secret&:k=secret&-q=secret"
        )
    assert (failed.outcome, str(failed)) == ("protocol", f"json://127.0.0.1:{server.port}/**** answered {status}.")


async def test_nobody_listens(unused_port: int) -> None:
    async with sending(*LOOPBACK) as sender:
        failed = await failing(sender, f"json://127.0.0.1:{unused_port}/secret")
    assert (failed.outcome, str(failed)) == (
        "unreachable",
        f"json://127.0.0.1:{unused_port}/**** cannot be reached: connection refused.",
    )


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets it meanwhile.
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_a_connection_that_breaks_off() -> None:
    async with answering(saying(b"", goes_on=False)) as server, sending(*LOOPBACK) as sender:
        failed = await failing(sender, f"json://127.0.0.1:{server.port}/secret")
    assert (failed.outcome, "secret" in str(failed)) == ("unreachable", False)


async def test_a_name_that_is_none() -> None:
    async with sending(*LOOPBACK) as sender:
        for dial in (sender.check("json://hook.invalid/secret"), sender.send("json://hook.invalid/secret", MESSAGE)):
            with pytest.raises(
                DialFailed, match=r"json://hook\.invalid/\*\*\*\* has a name that cannot be resolved"
            ) as failed:
                await dial
            assert failed.value.outcome == "unreachable"


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    made = certificate(tmp_path, "127.0.0.1")
    async with answering(saying(http(200)), made.serving) as server, sending(*LOOPBACK) as sender:
        failed = await failing(sender, f"jsons://127.0.0.1:{server.port}/secret")
    assert (failed.outcome, len(server.asked)) == ("tls", 0)
    assert "has a certificate that is not accepted: self-signed certificate" in str(failed)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(saying(http(200))) as proxy, answering(saying(http(200))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HOS_SECRET_KEY", "secret")
        monkeypatch.setenv("APPRISE_URLS", "json://127.0.0.1/")
        async with sending(*LOOPBACK) as sender:
            await sender.send(f"json://127.0.0.1:{server.port}/", MESSAGE)
            (process,) = children()
            assert {"PYTHONPATH", "LANG"} >= set(process.environ()) - {"LC_CTYPE"}
    assert (proxy.connections, len(server.asked)) == (0, 1)
