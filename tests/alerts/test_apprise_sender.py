"""Messages by Apprise as they arrive, or do not: real servers on loopback, real processes that run Apprise."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from app.alerts.apprise_sender import AppriseSender
from app.alerts.messages import Kind, Message
from app.dialling.errors import DialFailed, DialRefused
from tests.dialling.answering import Reply, Request, answering, certificate, http, saying, silent

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
LOOPBACK = ("127.0.0.0/8",)
MESSAGE = Message("HOS violation: 11-hour limit", "Driver: Ann Lee\nTerminal: DEN", "problem")


@asynccontextmanager
async def sending(
    *allowed: str, total_seconds: float = 15.0, processes: int = 4, idle_seconds: float = 60.0
) -> AsyncIterator[AppriseSender]:
    sender = AppriseSender(allowed, total_seconds=total_seconds, processes=processes, idle_seconds=idle_seconds)
    async with asyncio.timeout(60), aclosing(sender):
        yield sender


def children(of: int | None = None) -> list[psutil.Process]:
    """The processes that run Apprise."""
    return [one for one in psutil.Process(of).children() if "app.alerts.apprise_child" in one.cmdline()]


async def ended(process: psutil.Process) -> bool:
    """Whether it ends within 20 s. Looks only: who waits for a child takes its exit status from the loop."""

    def look() -> bool:
        latest = time.monotonic() + 20
        while process.is_running() and time.monotonic() < latest:
            time.sleep(0.01)
        return not process.is_running()

    return await asyncio.to_thread(look)


def hearing(heard: asyncio.Event) -> Reply:
    """Never answers, and tells that it was asked."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        heard.set()
        return await silent(request, writer)

    return reply


async def failing(sender: AppriseSender, url: str, message: Message = MESSAGE) -> DialFailed:
    with pytest.raises(DialFailed) as failed:
        await sender.send(url, message)
    return failed.value


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
    assert "apprise" not in sys.modules
    assert "requests" not in sys.modules


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


async def test_an_answer_that_does_not_come_ends_the_process_and_nothing_else() -> None:
    async with (
        answering(silent) as deaf,
        answering(saying(http(200))) as server,
        sending(*LOOPBACK, total_seconds=3) as sender,
    ):
        good = f"json://127.0.0.1:{server.port}/"
        await sender.send(good, MESSAGE)
        (process,) = children()
        failed = await failing(sender, f"json://ann:secret@127.0.0.1:{deaf.port}/secret")
        assert (failed.outcome, str(failed)) == ("timeout", "The message was not sent within 3 s.")
        assert await ended(process)
        await sender.send(good, MESSAGE)
        (next_one,) = children()
        assert next_one != process
    assert (len(deaf.asked), len(server.asked)) == (1, 2)


async def test_a_timeout_that_a_url_asks_for() -> None:
    async with answering(silent) as deaf, sending(*LOOPBACK) as sender:
        failed = await failing(sender, f"json://127.0.0.1:{deaf.port}/secret?rto=0.2")
    assert (failed.outcome, str(failed)) == ("timeout", f"json://127.0.0.1:{deaf.port}/**** did not answer in time.")


async def test_one_that_is_cancelled_takes_its_process_along() -> None:
    heard = asyncio.Event()
    async with answering(hearing(heard)) as deaf, sending(*LOOPBACK) as sender:
        task = asyncio.create_task(sender.send(f"json://127.0.0.1:{deaf.port}/", MESSAGE))
        await heard.wait()
        (process,) = children()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ended(process)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10])
async def test_one_that_is_cancelled_while_its_process_starts_leaves_none(turns: int) -> None:
    async with sending(*LOOPBACK) as sender:
        task = asyncio.create_task(sender.check("json://127.0.0.1/"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert children() == []


async def test_closing_ends_what_is_being_sent() -> None:
    heard = asyncio.Event()
    async with asyncio.timeout(60), answering(hearing(heard)) as deaf:
        sender = AppriseSender(LOOPBACK)
        task = asyncio.create_task(failing(sender, f"json://127.0.0.1:{deaf.port}/"))
        await heard.wait()
        (process,) = children()
        await sender.aclose()
        assert not process.is_running()
        assert (await task).outcome == "protocol"


async def test_nothing_is_started_after_closing() -> None:
    sender = AppriseSender(LOOPBACK)
    await sender.aclose()
    assert (await failing(sender, "json://127.0.0.1/")).outcome == "unreachable"
    assert children() == []


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


async def test_only_so_many_at_a_time() -> None:
    goes_on, inside, most = asyncio.Event(), 0, 0
    two = asyncio.Event()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            two.set()
        await goes_on.wait()
        inside -= 1
        writer.write(http(200))
        return True

    async with answering(reply) as server, sending(*LOOPBACK, processes=2) as sender:
        tasks = [asyncio.create_task(sender.send(f"json://127.0.0.1:{server.port}/", MESSAGE)) for _ in range(6)]
        await two.wait()
        assert len(children()) == 2
        goes_on.set()
        await asyncio.gather(*tasks)
        assert len(children()) == 2
    assert (len(server.asked), most) == (6, 2)


async def test_who_waits_for_a_place_waits_within_the_deadline() -> None:
    async with answering(silent) as deaf, sending(*LOOPBACK, processes=1, total_seconds=1) as sender:
        began = asyncio.get_running_loop().time()
        failures = await asyncio.gather(*(failing(sender, f"json://127.0.0.1:{deaf.port}/") for _ in range(3)))
        assert asyncio.get_running_loop().time() - began < 2.5
    assert [one.outcome for one in failures] == ["timeout"] * 3
    assert len(deaf.asked) <= 1


async def test_a_process_with_nothing_to_do_is_ended() -> None:
    async with answering(saying(http(200))) as server, sending(*LOOPBACK, idle_seconds=0.2) as sender:
        url = f"json://127.0.0.1:{server.port}/"
        await sender.send(url, MESSAGE)
        for process in children():
            assert await ended(process)
        await sender.send(url, MESSAGE)
    assert len(server.asked) == 2


async def test_a_process_that_was_killed_is_replaced() -> None:
    heard = asyncio.Event()
    async with answering(saying(http(200))) as server, answering(hearing(heard)) as deaf, sending(*LOOPBACK) as sender:
        task = asyncio.create_task(failing(sender, f"json://127.0.0.1:{deaf.port}/secret"))
        await heard.wait()
        children()[0].kill()
        failed = await task
        assert (failed.outcome, str(failed)) == ("protocol", "Apprise ended before it said how it went.")
        await sender.send(f"json://127.0.0.1:{server.port}/", MESSAGE)
    assert len(server.asked) == 1


PARENT = """
import asyncio, sys
from app.alerts.apprise_sender import AppriseSender
from app.alerts.messages import Message

async def main():
    sender = AppriseSender(["127.0.0.0/8"], total_seconds=600)
    await sender.check(sys.argv[1])
    print("started", flush=True)
    if sys.argv[2] == "sending":
        await sender.send(sys.argv[1], Message("title", "body", "info"))
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("doing", ["waiting", "sending"])
async def test_it_ends_when_its_parent_is_killed(doing: str) -> None:
    heard = asyncio.Event()
    async with asyncio.timeout(60), answering(hearing(heard)) as deaf:
        url = f"json://127.0.0.1:{deaf.port}/"
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, url, doing, cwd=ROOT, stdout=PIPE)
        assert parent.stdout is not None
        assert await parent.stdout.readline() == b"started\n"
        if doing == "sending":
            await heard.wait()
        (child,) = children(parent.pid)
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        assert await ended(child)


async def test_no_network_is_none() -> None:
    with pytest.raises(ValueError, match="is no network"):
        AppriseSender(["nonsense"])
