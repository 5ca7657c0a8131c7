"""What is shown of Apprise URLs, and hostile words in messages: neither gives a secret away, neither does harm."""

import asyncio
import json
import sys
from contextlib import aclosing
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from subprocess import PIPE

import pytest

from app.alerts.apprise_sender import AppriseSender
from app.alerts.messages import Message
from app.dialling.errors import DialFailed, DialRefused
from tests.dialling.answering import answering, certificate, http, saying

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
LOOPBACK = ("127.0.0.0/8",)
MESSAGE = Message("Title", "Body", "problem")
KEY = "a1b2c3d4e5f6a7b8c9d0e1f2"
"""A secret in the form that many services want."""

HOSTED = [
    (f"slack://T1JJ3T3L2/A1BRTD4JD/{KEY}/%23safety", "slack"),
    (f"slack://bot@T1JJ3T3L2/A1BRTD4JD/{KEY}", "slack"),
    (f"slack://xoxb-1234567890-1234567890-{KEY}/%23safety", "slack"),
    (f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{KEY}", "slack"),
    (f"discord://4174216298/{KEY}{KEY}/", "discord"),
    (f"https://discord.com/api/webhooks/4174216298/{KEY}{KEY}", "discord"),
    (f"tgram://123456789:{KEY}/12315544/", "tgram"),
    (f"pagerduty://{KEY}@{KEY}/source/component", "pagerduty"),
    (f"pover://{'u' * 6}{KEY}@{'t' * 6}{KEY}", "pover"),
    (f"opsgenie://{KEY}/%23team", "opsgenie"),
    (f"gchat://space/{KEY}/{KEY}", "gchat"),
    (f"wxteams://{KEY * 4}"[: len("wxteams://") + 80], "wxteams"),
    (f"twilio://AC{KEY}a1b2c3d4:{KEY}a1b2c3d4@15551234567/15557654321", "twilio"),
    (f"sendgrid://{KEY}:ann@example.com/boss@example.com", "sendgrid"),
    (f"ifttt://{KEY}@event/?+value1={KEY}", "ifttt"),
    (f"mailgun://ann@example.com/{KEY}{KEY[:8]}-{KEY[:8]}-{KEY[:8]}", "mailgun"),
    (f"pbul://{KEY}", "pbul"),
    (f"ntfy://{KEY}", "ntfy"),
]
OWN = [
    f"json://{KEY}:{KEY}@HOST/{KEY}?+X-Token={KEY}&-q={KEY}&:field={KEY}",
    f"xml://{KEY}:{KEY}@HOST/{KEY}?+X-Token={KEY}&-q={KEY}&:field={KEY}",
    f"form://{KEY}:{KEY}@HOST/{KEY}?+X-Token={KEY}&-q={KEY}&:field={KEY}",
    f"mmost://{KEY}@HOST/{KEY}",
    f"rocket://{KEY}:{KEY}@HOST/%23{KEY}",
    f"gotify://HOST/{KEY}",
    f"ntfy://{KEY}:{KEY}@HOST/{KEY}",
    f"matrix://{KEY}:{KEY}@HOST/%23{KEY}",
    f"apprise://{KEY}:{KEY}@HOST/{KEY}?+X-Token={KEY}",
    f"hassio://HOST/{KEY}",
    f"ncloud://{KEY}:{KEY}@HOST/{KEY}",
    f"signal://{KEY}:{KEY}@HOST/15551234567/15557654321",
]


@pytest.mark.parametrize("url, schema", HOSTED)
async def test_nothing_is_shown_of_a_hosted_service_but_its_name(url: str, schema: str) -> None:
    async with asyncio.timeout(60), aclosing(AppriseSender(LOOPBACK)) as sender:
        assert await sender.check(url) == f"{schema}://****"


@pytest.mark.parametrize("url", OWN)
async def test_of_a_server_of_ones_own_the_host_is_shown(url: str) -> None:
    async with (
        asyncio.timeout(60),
        answering(saying(http(500, KEY.encode()))) as server,
        aclosing(AppriseSender(LOOPBACK)) as sender,
    ):
        where = f"127.0.0.1:{server.port}"
        shown = f"{url.partition(':')[0]}://{where}/****"
        full = url.replace("HOST", where)
        assert await sender.check(full) == shown
        assert server.connections == 0
        with pytest.raises(DialFailed) as failed:
            await sender.send(full, MESSAGE)
        # A host that is forbidden is named, and nothing else.
        with pytest.raises(DialRefused) as refused:
            await sender.send(url.replace("HOST", "10.0.0.1"), MESSAGE)
    assert (failed.value.outcome, str(failed.value)) == ("protocol", f"{shown} answered 500.")
    assert KEY[1:-1] not in str(refused.value)
    assert "10.0.0.1" in str(refused.value)


async def test_every_service_is_known_to_be_usable_or_not() -> None:
    code = """
import json
from app.alerts.apprise_urls import services, unusable_reason
names = {one.__module__.split(".")[2]: unusable_reason(one) for one in services()}
print(json.dumps([len(names), sorted(name for name, reason in names.items() if reason)]))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=PIPE)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    count, unusable = json.loads(output)
    assert count > 150
    # Whoever sees another list: look at what is new, and put it into UNUSABLE if it speaks neither HTTP nor SMTP.
    assert unusable == [
        *("amqp", "aprs", "blink1", "dbus", "glib", "gnome", "growl", "irc", "macosx", "mqtt", "nostr", "rsyslog"),
        *("smpp", "syslog", "vapid", "windows", "xmpp"),
    ]


@pytest.mark.parametrize(
    "text, arrives",
    [
        ("a\x00b\x07c\x1b[31m\x7f\x85", "a�b�c�[31m��"),
        ("first\r\nsecond\rthird\tend", "first\nsecond\nthird\tend"),
        ("\u202eevil\u2066\u200f", "�evil��"),
        ("شركة النقل", "شركة النقل"),
        ("lone \ud800 and \udfff", "lone � and �"),
        ("\U0001f69a truck", "\U0001f69a truck"),
        (":smile: \\n %s {} ${HOME}", ":smile: \\n %s {} ${HOME}"),
        (
            "@everyone <!channel> <@U1> ann@example.com",
            "@\u200beveryone <\u200b!channel> <\u200b@\u200bU1> ann@example.com",
        ),
        ("line\u2028paragraph\u2029", "line�paragraph�"),
        ("\x00", "�"),
        (" ", "-"),
    ],
)
async def test_hostile_words_stay_words(text: str, arrives: str) -> None:
    async with (
        asyncio.timeout(60),
        answering(saying(http(200))) as server,
        aclosing(AppriseSender(LOOPBACK)) as sender,
    ):
        await sender.send(f"json://127.0.0.1:{server.port}/?emojis=yes", replace(MESSAGE, title=text, body=text))
    told = json.loads(server.asked[0].body)
    assert told["message"] == arrives
    assert told["title"] == (" ".join(arrives.split()) if text != " " else "")


async def test_a_long_message_is_cut() -> None:
    async with (
        asyncio.timeout(60),
        answering(saying(http(200))) as server,
        aclosing(AppriseSender(LOOPBACK)) as sender,
    ):
        url = f"json://127.0.0.1:{server.port}/"
        await sender.send(url, Message("t" * 10_000, "word " * 20_000, "info"))
        await sender.send(url, MESSAGE)
    told = json.loads(server.asked[0].body)
    assert told["message"].startswith("word word")
    assert 1000 < len(told["message"]) < 100_000
    assert len(server.asked) == 2


class MailServer:
    """An SMTP server as small as can be; keeps what it was told."""

    def __init__(self, answer_to_data: bytes = b"250 ok", tls: Path | None = None) -> None:
        self.answer_to_data = answer_to_data
        self.tls = tls
        self.connections = 0
        self.commands: list[str] = []
        self.mail = b""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            command = line.decode().strip().upper()
            self.commands.append(command)
            if command.startswith("EHLO"):
                writer.write(b"250-mail.example\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n")
            elif command == "STARTTLS":
                writer.write(b"220 go on\r\n")
                assert self.tls is not None
                try:
                    await writer.start_tls(certificate(self.tls, "127.0.0.1").serving)
                except OSError:
                    break
            elif command.startswith("AUTH"):
                writer.write(b"235 ok\r\n")
            elif command == "DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.mail = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                writer.write(self.answer_to_data + b"\r\n")
            elif command == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@pytest.mark.parametrize("allowed", [LOOPBACK, ()])
async def test_mail(allowed: tuple[str, ...]) -> None:
    mail = MailServer()
    async with (
        asyncio.timeout(60),
        await asyncio.start_server(mail.converse, "127.0.0.1", 0) as listener,
        aclosing(AppriseSender(allowed)) as sender,
    ):
        port = listener.sockets[0].getsockname()[1]
        url = f"mailto://ann:{KEY}@example.com:{port}?smtp=127.0.0.1&to=boss@example.com"
        message = Message(
            "Über\r\nBcc: x@example.com", "Driver: <b>Ann</b>\r\n.\r\nMAIL FROM:<x@example.com>", "urgent"
        )
        if not allowed:
            for dial in (sender.check(url), sender.send(url, message)):
                with pytest.raises(DialRefused, match=f"mailto://127.0.0.1:{port}/.... may not be used: .* loopback"):
                    await dial
            assert mail.connections == 0
            return
        assert await sender.check(url) == f"mailto://127.0.0.1:{port}/****"
        assert mail.connections == 0
        await sender.send(url, message)
    told = message_from_bytes(mail.mail, policy=policy.default)
    assert (told["Subject"], told["Bcc"]) == ("Über Bcc: x@example.com", None)
    assert sum(one.startswith("MAIL FROM") for one in mail.commands) == 1
    part = told.get_body(("plain",))
    assert part is not None
    lines = part.get_content().replace("\u200b", "").splitlines()
    assert [line for line in lines if line] == ["Driver: <b>Ann</b>", ".", "MAIL FROM:<x@example.com>"]


async def test_mail_that_is_refused() -> None:
    mail = MailServer(answer_to_data=f"554 {KEY}".encode())
    async with (
        asyncio.timeout(60),
        await asyncio.start_server(mail.converse, "127.0.0.1", 0) as listener,
        aclosing(AppriseSender(LOOPBACK)) as sender,
    ):
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(DialFailed) as failed:
            await sender.send(f"mailto://ann:{KEY}@example.com:{port}?smtp=127.0.0.1&to=boss@example.com", MESSAGE)
    assert failed.value.outcome == "protocol"
    assert str(failed.value) == f"mailto://127.0.0.1:{port}/**** refused the message with the SMTP status 554."


async def test_mail_to_a_server_nobody_vouches_for(tmp_path: Path) -> None:
    mail = MailServer(tls=tmp_path)
    async with (
        asyncio.timeout(60),
        await asyncio.start_server(mail.converse, "127.0.0.1", 0) as listener,
        aclosing(AppriseSender(LOOPBACK)) as sender,
    ):
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(DialFailed, match="certificate that is not accepted") as failed:
            await sender.send(f"mailtos://ann:{KEY}@example.com:{port}?smtp=127.0.0.1&to=boss@example.com", MESSAGE)
    assert failed.value.outcome == "tls"
    assert [one for one in mail.commands if one.startswith(("AUTH", "MAIL"))] == []
