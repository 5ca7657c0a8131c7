"""`hos-receiver connections`: what each command does and prints, where secrets come from, what is said of errors."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import pytest
from typer.testing import CliRunner, Result

from app.cli import command_line
from app.inspections.connections import LOCAL_ID
from app.inspections.schema import FIELDS
from tests.command_line import SECONDS, environment, eventually
from tests.ingest.served import ADMIN, service_on

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NOWHERE = "http://127.0.0.1:9/dvir"
NOBODY = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
PASSWORD = "p\u00e4ss: word "
LOOPBACK = {"HOS_HOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
HTTP = ("create", "Fleet desk", "--kind", "http", "--url", NOWHERE)
LOCAL = ("create", "Fleet desk", "--kind", "local")
HTTP_ONLY = "is only for kind http: a local connection keeps inspections here."
NONE = "there is no such connection; see: hos-receiver connections list"


class Call(Protocol):
    """Runs `connections …` within this process, with what standard input has."""

    def __call__(self, *arguments: str, stdin: bytes = b"", **settings: str) -> Result: ...


@pytest.fixture
def call(database_url: str) -> Call:
    kept: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HOS_")}

    def run(*arguments: str, stdin: bytes = b"", **settings: str) -> Result:
        env = {**kept, "HOS_DATABASE_URL": database_url, **LOOPBACK, **settings}
        return CliRunner().invoke(
            command_line("connections"), ["connections", *arguments], input=stdin, env=env, prog_name="hos-receiver"
        )

    return run


def made(call: Call, *arguments: str, stdin: bytes = b"") -> str:
    """A new connection's id, which stands alone on the last line."""
    answer = call(*arguments, stdin=stdin)
    assert (answer.exit_code, answer.stderr) == (0, "")
    told, connection_id = answer.stdout.splitlines()
    assert re.fullmatch(UUID, connection_id)
    assert told == f"The connection is made. Try it with: hos-receiver connections test {connection_id}"
    return connection_id


class Provider:
    """A provider on loopback: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.posts: list[tuple[dict[str, str], dict[str, object]]] = []


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = b'{"id": "P-1"}'
            self.send_response(found.status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/dvir"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def test_an_empty_list_says_so(call: Call) -> None:
    answer = call("list")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "There are no connections.\n")


def test_connections_are_listed_in_the_order_they_were_made_and_removed(call: Call) -> None:
    words = ("--fleet-ref", "Fleet\t7", "--source-name", "Catena")
    first = made(call, *HTTP, "--bearer-token-stdin", *words, stdin=b"t0k3n\n")
    second = made(call, *LOCAL)
    lines = [
        f"{first}\tFleet desk\thttp\t{NOWHERE}\tbearer\tFleet\ufffd7\tCatena",
        f"{second}\tFleet desk\tlocal\t-\t-\t-\t-",
    ]
    listed = call("list")
    assert (listed.exit_code, listed.stdout.splitlines(), listed.stderr) == (0, lines, "")
    removed = call("remove", first.upper(), "--yes")
    assert (removed.exit_code, removed.stdout) == (0, f"Connection {first.upper()} is removed.\n")
    assert call("list").stdout.splitlines() == lines[1:]


@pytest.mark.parametrize(
    "options, stdin, sent",
    [
        ((), b"", {}),
        (("--bearer-token-stdin",), b"t0k3n\r\nmore\n", {"authorization": "Bearer t0k3n"}),
        (("--bearer-token-stdin",), b"t0k3n", {"authorization": "Bearer t0k3n"}),
        (
            ("--basic-user", "jdoe"),
            f"{PASSWORD}\n".encode(),
            {"authorization": f"Basic {b64encode(f'jdoe:{PASSWORD}'.encode()).decode()}"},
        ),
        (("--basic-user", "key"), b"\n", {"authorization": f"Basic {b64encode(b'key:').decode()}"}),
        (("--header", "X-Api-Key"), b"t0k3n\n", {"x-api-key": "t0k3n"}),
    ],
    ids=["nothing", "bearer", "bearer without a line end", "basic", "basic without a password", "header"],
)
def test_a_provider_gets_the_credentials_of_standard_input(
    call: Call, provider: Provider, options: tuple[str, ...], stdin: bytes, sent: dict[str, str]
) -> None:
    connection_id = made(call, *LOCAL[:2], "--kind", "http", "--url", provider.url, *options, stdin=stdin)
    answer = call("test", connection_id)
    assert answer.exit_code == 0, answer.output
    assert re.fullmatch(r"The provider is reached: it answered 200 in [0-9]+\.[0-9]{3} s\.\n", answer.stdout)
    ((headers, body),) = provider.posts
    assert body == {}
    assert {name: value for name, value in headers.items() if name in ("authorization", "x-api-key")} == sent


def test_the_url_may_come_from_standard_input_too(call: Call, provider: Provider) -> None:
    options = ("--kind", "http", "--url", "-", "--header", "X-Api-Key")
    connection_id = made(call, "create", "Fleet desk", *options, stdin=f" {provider.url} \nt0k3n\n".encode())
    assert call("list").stdout == f"{connection_id}\tFleet desk\thttp\t{provider.url}\theader\t-\t-\n"
    assert call("test", connection_id).exit_code == 0
    assert provider.posts[0][0]["x-api-key"] == "t0k3n"


def test_an_answer_that_refuses_shows_that_the_provider_is_reached(call: Call, provider: Provider) -> None:
    provider.status = 401
    connection_id = made(call, *LOCAL[:2], "--kind", "http", "--url", provider.url)
    answer = call("test", connection_id)
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert answer.stdout.startswith("The provider is reached: it answered 401 in ")


def test_a_provider_that_is_not_reached_is_status_1(call: Call) -> None:
    connection_id = made(call, *HTTP)
    said = r"hos-receiver: the provider is not reached, after [0-9]+\.[0-9]{3} s: "
    answer = call("test", connection_id)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert re.fullmatch(f"{said}[^\n]*(?:refused|connect)[^\n]*\n", answer.stderr), answer.stderr
    answer = call("test", connection_id, HOS_HOOK_ALLOWED_NETWORKS="")
    assert answer.exit_code == 1
    detail = r"The address 127\.0\.0\.1 may not be dialled: it is loopback, and not in HOS_HOOK_ALLOWED_NETWORKS"
    assert re.fullmatch(f"{said}{detail}\n", answer.stderr), answer.stderr


def test_a_local_connection_needs_nothing_to_be_reached(call: Call) -> None:
    answer = call("test", made(call, *LOCAL))
    said = "The connection is local: inspections are kept here, and nothing has to be reached.\n"
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, said, "")


def test_what_is_sealed_with_another_key_is_listed_without_its_url(call: Call) -> None:
    answer = call(*HTTP, HOS_SECRET_KEY="k" * 32)
    connection_id = answer.stdout.splitlines()[-1]
    assert call("list").stdout == f"{connection_id}\tFleet desk\thttp\t-\t-\t-\t-\n"


@pytest.mark.parametrize(
    "arguments, stdin, said",
    [
        (("test", "x"), b"", NONE),
        (("test", NOBODY), b"", NONE),
        (("remove", NOBODY, "--yes"), b"", NONE),
        (("create", "", "--kind", "local"), b"", "name has a wrong length: string should have at least 1 character."),
        (("create", "x", "--kind", "fax"), b"", "kind must be 'local' or 'http'."),
        (("create", "x", "--kind", "http"), b"", "url is required for kind http."),
        (
            (*LOCAL, "--url", NOWHERE, "--basic-user", "jdoe"),
            b"pa55\n",
            "; ".join(f"{name} {HTTP_ONLY}" for name in ("url", "credentials")),
        ),
        (
            (*HTTP, "--url", "http://10.0.0.1/"),
            b"",
            "url: The address 10.0.0.1 may not be dialled: it is private, and not in HOS_HOOK_ALLOWED_NETWORKS",
        ),
        ((*HTTP, "--url", "ftp://example.com/"), b"", "url: The URL must begin with http:// or https://."),
        ((*HTTP, "--url", "-"), b"", "standard input has no line for the URL"),
        (
            (*HTTP, "--url", "-", "--bearer-token-stdin"),
            f"{NOWHERE}\n".encode(),
            "standard input has no line for the token",
        ),
        ((*HTTP, "--bearer-token-stdin"), b"", "standard input has no line for the token"),
        ((*HTTP, "--basic-user", "jdoe"), b"", "standard input has no line for the password"),
        ((*HTTP, "--header", "X-Api-Key"), b"", "standard input has no line for the value"),
        ((*HTTP, "--basic-user", "jdoe"), b"pa55\xff\n", "the password on standard input is not UTF-8"),
        (
            (*HTTP, "--bearer-token-stdin"),
            b"pa55\x01\n",
            "credentials/token must be printable ASCII, as it is sent in a header.",
        ),
        (
            (*HTTP, "--bearer-token-stdin"),
            b"\n",
            "credentials/token has a wrong length: string should have at least 1 character.",
        ),
        (
            (*HTTP, "--header", "Host"),
            b"pa55\n",
            "credentials/name must be the name of a header that is free to choose, such as x-api-key.",
        ),
        (
            (*LOCAL, "--map", "colour=c"),
            b"",
            f"mapping/colour must name fields of an inspection report: {', '.join(FIELDS)}.",
        ),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(call: Call, arguments: tuple[str, ...], stdin: bytes, said: str) -> None:
    answer = call(*arguments, stdin=stdin)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, "", f"hos-receiver: {said}\n")
    assert call("list").stdout == ""


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("create", "x"), "Missing option '--kind'"),
        (
            (*HTTP, "--bearer-token-stdin", "--basic-user", "jdoe"),
            "only one of --bearer-token-stdin, --basic-user and --header is possible",
        ),
        (
            (*HTTP, "--header", "X-Api-Key", "--basic-user", "jdoe"),
            "only one of --bearer-token-stdin, --basic-user and --header is possible",
        ),
        (
            (*LOCAL, "--map", "odometer"),
            "Invalid value for --map: must be FIELD=NAME, or FIELD= to leave it out, not 'odometer'",
        ),
        ((*LOCAL, "--map", "=x"), "Invalid value for --map: must be FIELD=NAME, or FIELD= to leave it out, not '=x'"),
        ((*LOCAL, "--map", "odometer=a", "--map", "odometer="), "Invalid value for --map: odometer is given twice"),
        ((*HTTP, "--basic-user"), "Option '--basic-user' requires an argument"),
    ],
)
def test_wrong_usage(call: Call, arguments: tuple[str, ...], said: str) -> None:
    answer = call(*arguments, stdin=b"pa55\n")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert call("list").stdout == ""


def test_removing_asks_first(call: Call) -> None:
    connection_id = made(call, *LOCAL)
    for stdin in (b"", b"n\n"):
        answer = call("remove", connection_id, stdin=stdin)
        assert answer.exit_code == 1
        assert f"Remove connection {connection_id} for good?" in answer.stderr
        assert connection_id in call("list").stdout
    assert call("remove", connection_id, stdin=b"y\n").exit_code == 0
    assert call("list").stdout == ""


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_on_a_terminal_the_secret_is_asked_for_and_not_shown(sqlite_url: str, tmp_path: Path) -> None:
    with (
        terminal() as (ours, theirs),
        subprocess.Popen(
            [sys.executable, "-m", "app", "connections", *HTTP, "--bearer-token-stdin"],
            cwd=tmp_path,
            env=environment(HOS_DATABASE_URL=sqlite_url, **LOOPBACK),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # without the terminal of the test run, which would be asked instead
        ) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.read(7) == b"Token: "  # now echoing is off
        os.write(ours, b"t0k3n\n")
        out, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, errors
        assert re.fullmatch(UUID, out.decode().splitlines()[-1])
        os.set_blocking(ours, False)
        try:
            shown = os.read(ours, 4096)
        except BlockingIOError:
            shown = b""
    assert b"t0k3n" not in shown + out + errors


def test_it_works_beside_a_server(database_url: str, call: Call, provider: Provider, tmp_path: Path) -> None:
    with service_on(database_url, tmp_path, **LOOPBACK) as service:
        assert call("list").stdout == f"{LOCAL_ID}\tlocal\tlocal\t-\t-\t-\t-\n"
        refused = call("remove", LOCAL_ID, "--yes")
        said = "hos-receiver: The local connection is always there.\n"
        assert (refused.exit_code, refused.stderr) == (1, said)
        options = ("--kind", "http", "--url", provider.url, "--map", "driver_id=driver", "--map", "log_type=")
        connection_id = made(call, "create", "Fleet desk", *options)
        report = {"connection_id": connection_id, "driver_id": NOBODY, "odometer": 7}
        accepted = service.client.post("/v2/telematics/dvir-logs", json=report, headers=ADMIN)
        assert accepted.status_code == 202, accepted.text
        eventually(lambda: bool(provider.posts), "the provider has the report")
        assert provider.posts[0][1] == {
            "connection_id": connection_id,
            "driver": NOBODY,
            "odometer": 7,
            "defect_count": 0,
        }
        assert call("remove", connection_id, "--yes").exit_code == 0
        assert service.client.post("/v2/telematics/dvir-logs", json=report, headers=ADMIN).status_code == 404
