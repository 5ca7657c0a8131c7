"""From a name to a connection: resolved once, every address checked, one of them dialled, the certificate verified."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.dialling.addresses import AddressGuard
from app.dialling.client import Patience, open_dialler
from app.dialling.errors import DialFailed, DialRefused
from tests.dialling.answering import answering, certificate, http, saying, silent

pytestmark = pytest.mark.anyio

LOOPBACK = AddressGuard(["127.0.0.0/8"])
IMPATIENT = Patience(total_seconds=0.3, connect_seconds=0.2)


class Names:
    """A resolver that answers from a script, the last answer again and again, and counts."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_a_name_is_resolved_once_for_a_dial() -> None:
    # A second answer, between check and dial, would lead to where nothing may be sent.
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with (
        asyncio.timeout(30),
        answering(saying(http(200, b"", "Connection: close"))) as server,
        open_dialler(LOOPBACK, resolver=names) as dialler,
    ):
        url = f"http://hook.example:{server.port}/"
        assert (await dialler.post(url, b"{}", {})).status == 200
        assert names.asked == ["hook.example"]
        with pytest.raises(DialRefused, match=r"10\.0\.0\.1 of hook\.example may not be dialled: it is private"):
            await dialler.post(url, b"{}", {})
        assert names.asked == ["hook.example"] * 2
    assert [request.headers["host"] for request in server.asked] == [f"hook.example:{server.port}"]


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "169.254.169.254"],
        ["127.0.0.1", "::ffff:169.254.169.254"],
        ["127.0.0.1", "fe80::1%eth0"],
        ["127.0.0.1"] * 50 + ["64:ff9b::a00:1"],
        ["nonsense"],
    ],
)
async def test_one_forbidden_address_forbids_the_name(addresses: list[str]) -> None:
    names = Names(addresses)
    async with (
        asyncio.timeout(30),
        answering(saying(http(200))) as server,
        open_dialler(LOOPBACK, resolver=names) as dialler,
    ):
        url = f"http://hook.example:{server.port}/?token=secret"
        for dial in (dialler.check(url), dialler.post(url, b"{}", {})):
            with pytest.raises(DialRefused, match=r"of hook\.example may not be dialled") as refused:
                await dial
            assert "secret" not in str(refused.value)
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_a_forbidden_address_is_refused_without_a_lookup(host: str) -> None:
    names = Names(["8.8.8.8"])
    async with open_dialler(AddressGuard([]), resolver=names) as dialler:
        for dial in (dialler.check(f"http://{host}:1/"), dialler.post(f"http://{host}:1/", b"{}", {})):
            with pytest.raises(DialRefused):
                await dial
    assert names.asked == []


async def test_a_check_sends_nothing() -> None:
    names = Names(["127.0.0.1"])
    async with answering(saying(http(200))) as server, open_dialler(LOOPBACK, resolver=names) as dialler:
        await dialler.check(server.url)
        await dialler.check(f"http://hook.example:{server.port}/")
    assert (server.connections, names.asked) == (0, ["hook.example"])


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with (
        asyncio.timeout(30),
        answering(saying(http(200))) as server,
        open_dialler(LOOPBACK, resolver=names) as dialler,
    ):
        assert (await dialler.post(f"http://hook.example:{server.port}/", b"{}", {})).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue of connections answers is the system's choice")
async def test_an_address_that_swallows_everything_ends_with_its_time() -> None:
    # A listener whose queue is full lets no further connection through.
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(3)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    try:
        async with asyncio.timeout(30), open_dialler(LOOPBACK, patience=IMPATIENT) as dialler:
            with pytest.raises(DialFailed, match=r"No connection to .* within 0\.2 s") as failed:
                await dialler.post(f"http://127.0.0.1:{full.getsockname()[1]}/", b"{}", {})
        assert failed.value.outcome == "timeout"
    finally:
        for one in (full, *waiting):
            one.close()


@pytest.mark.parametrize("answer", [[], socket.gaierror(socket.EAI_NONAME, "Name or service not known"), OSError()])
async def test_a_name_without_an_address_may_have_one_later(answer: Sequence[str] | OSError) -> None:
    async with asyncio.timeout(30), open_dialler(LOOPBACK, resolver=Names(answer)) as dialler:
        for dial in (dialler.check("http://hook.example/"), dialler.post("http://hook.example/", b"{}", {})):
            with pytest.raises(DialFailed, match=r"The name hook\.example") as failed:
                await dial
            assert failed.value.outcome == "unreachable"


async def test_a_lookup_that_does_not_end_is_given_up() -> None:
    async def never(host: str) -> Sequence[str]:
        await asyncio.get_running_loop().create_future()
        return []

    async with asyncio.timeout(30), open_dialler(LOOPBACK, patience=IMPATIENT, resolver=never) as dialler:
        for dial in (dialler.check("http://hook.example/"), dialler.post("http://hook.example/", b"{}", {})):
            with pytest.raises(DialFailed, match=r"within 0\.3 s") as failed:
                await dial
            assert failed.value.outcome == "timeout"


@pytest.mark.parametrize("name", ["hook.example", "127.0.0.1"])
async def test_a_certificate_for_the_name_of_the_url_is_accepted(tmp_path: Path, name: str) -> None:
    made = certificate(tmp_path, name)
    named: list[str | None] = []
    made.serving.sni_callback = lambda connection, sent, context: named.append(sent)
    async with (
        asyncio.timeout(30),
        answering(saying(http(200, b"ok")), made.serving) as server,
        open_dialler(LOOPBACK, resolver=Names(["127.0.0.1"]), tls=made.trusting) as dialler,
    ):
        for _ in range(2):
            answer = await dialler.post(f"https://{name}:{server.port}/", b"{}", {})
            assert (answer.status, answer.excerpt) == (200, "ok")
    assert server.connections == 1
    assert [request.headers["host"] for request in server.asked] == [f"{name}:{server.port}"] * 2
    # Addresses are not sent as a server name (RFC 6066).
    assert named == (["hook.example"] if name == "hook.example" else [None])


@pytest.mark.parametrize(
    "name, days, is_trusted, told",
    [
        ("hook.example", 1, False, "certificate is not accepted: self-signed certificate"),
        ("hook.example", -1, True, "certificate is not accepted: certificate has expired"),
        ("other.example", 1, True, "certificate is not accepted: Hostname mismatch"),
    ],
)
async def test_other_certificates_are_refused(
    tmp_path: Path, name: str, days: int, is_trusted: bool, told: str
) -> None:
    made = certificate(tmp_path, name, days)
    tls = made.trusting if is_trusted else None
    async with (
        asyncio.timeout(30),
        answering(saying(http(200)), made.serving) as server,
        open_dialler(LOOPBACK, resolver=Names(["127.0.0.1"]), tls=tls) as dialler,
    ):
        with pytest.raises(DialFailed, match=told) as failed:
            await dialler.post(f"https://hook.example:{server.port}/?secret", b"{}", {})
    assert failed.value.outcome == "tls"
    assert "secret" not in str(failed.value)
    assert server.asked == []


async def test_https_to_what_speaks_no_tls() -> None:
    async with (
        asyncio.timeout(30),
        answering(silent, greeting=b"220 mail.example\r\n") as server,
        open_dialler(LOOPBACK) as dialler,
    ):
        with pytest.raises(DialFailed, match="No TLS connection to") as failed:
            await dialler.post(f"https://127.0.0.1:{server.port}/", b"{}", {})
    assert failed.value.outcome == "tls"
    assert server.asked == []


@pytest.mark.parametrize("patience", [IMPATIENT, Patience(total_seconds=0.1, connect_seconds=5)], ids=["step", "whole"])
async def test_a_handshake_that_never_ends(patience: Patience) -> None:
    async with (
        asyncio.timeout(30),
        answering(silent) as server,
        open_dialler(LOOPBACK, patience=patience) as dialler,
    ):
        with pytest.raises(DialFailed, match="within") as failed:
            await dialler.post(f"https://127.0.0.1:{server.port}/", b"{}", {})
    assert failed.value.outcome == "timeout"
