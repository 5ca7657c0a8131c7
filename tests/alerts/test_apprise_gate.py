"""What a process may still do behind the gate: each attempt in a real process, for a gate cannot be taken away."""

import asyncio
import json
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.dialling.answering import answering, http, saying

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
START = """
import json, os, socket, subprocess, sys
port, allowed = int(sys.argv[1]), json.loads(sys.argv[2])
from app.alerts.apprise_gate import Gate
{before}
gate = Gate(allowed)
gate.install()
import requests
gate.shut()
try:
    result = {attempt}
    result = getattr(result, "status_code", "done")
except BaseException as error:
    result = type(error).__name__
print(json.dumps([result, gate.refusal]))
"""


async def attempt(
    what: str, port: int = 1, allowed: tuple[str, ...] = ("127.0.0.0/8",), before: str = ""
) -> tuple[object, str | None]:
    """What came of it, and what the gate refused."""
    code = START.format(attempt=what, before=before)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(port), json.dumps(allowed), cwd=ROOT, stdout=PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    result, refusal = json.loads(output)
    return result, refusal


@pytest.mark.parametrize(
    "what",
    [
        "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "socket.socket(socket.AF_UNIX).connect_ex('/run/docker.sock')",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '/dev/log')",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, '/dev/log')",
        "socket.socket().connect(('10.0.0.1', 1))",
        "socket.socket().connect_ex(('10.0.0.1', 1))",
        "socket.socket().connect(('localhost', 1))",
        "socket.socket().connect(('', 1))",
        "socket.socket(socket.AF_INET6).connect(('::1', 1))",
        "socket.socket(socket.AF_INET6).connect(('::ffff:10.0.0.1', 1))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 1))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', 0, ('169.254.169.254', 1))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('10.0.0.1', 1))",
        "socket.create_connection(('10.0.0.1', 1))",
        "socket.socket().bind(('127.0.0.1', 0))",
        "subprocess.run(['/bin/true'])",
        "os.system('true')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "__import__('pty').spawn(['/bin/true'])",
        "__import__('ctypes').CDLL(None)",
        "__import__('syslog').syslog('x')",
        "open('/etc/passwd')",
        "open('/etc/../etc/passwd', 'rb')",
        "open(b'/etc/passwd')",
        "open('pyproject.toml')",
        "open('/proc/self/environ')",
        "open('/tmp/written', 'w')",
        "open(os.__file__, 'a')",
        "os.open('/etc/passwd', os.O_RDONLY)",
        "os.remove('/tmp/written')",
        "os.mkdir('/tmp/written')",
    ],
)
async def test_refused(what: str) -> None:
    result, refusal = await attempt(what)
    assert result == "PermissionError"
    assert refusal is not None


async def test_what_code_needs_is_let_through() -> None:
    async with answering(saying(http(200))) as server:
        for what in (
            "open(os.__file__)",
            "__import__('xml.dom.minidom')",
            "socket.create_connection(('127.0.0.1', port))",
        ):
            assert await attempt(what, server.port) == ("done", None)


async def test_a_name_with_one_forbidden_address_is_forbidden() -> None:
    names = (
        "socket.getaddrinfo = lambda host, port, *_:"
        "[(2, 1, 6, '', (address, port)) for address in ('127.0.0.1', '10.0.0.1')]"
    )
    async with answering(saying(http(200))) as server:
        result, refusal = await attempt(
            "requests.post('http://hook.example:%d/' % port, b'x')", server.port, before=names
        )
    assert (result, server.connections) == ("ConnectionError", 0)
    assert refusal == "the address 10.0.0.1 may not be dialled: it is private, and not in HOS_HOOK_ALLOWED_NETWORKS"


async def test_the_address_that_is_dialled_is_judged_whatever_was_resolved() -> None:
    # As if a name led elsewhere at the second look: the resolver is got round altogether.
    async with answering(saying(http(200))) as server:
        around = "setattr(socket, 'getaddrinfo', gate._resolve) or requests.post('http://127.0.0.1:%d/' % port, b'x')"
        result, refusal = await attempt(around, server.port, allowed=())
    assert (result, server.connections) == ("ConnectionError", 0)
    assert refusal == "the address 127.0.0.1 may not be dialled: it is loopback, and not in HOS_HOOK_ALLOWED_NETWORKS"


@pytest.mark.parametrize(
    "how",
    [
        "requests.post(URL, b'x')",
        "requests.post(URL, b'x', allow_redirects=True)",
        "requests.Session().post(URL, b'x', allow_redirects=True)",
        "requests.request('PUT', URL, data=b'x', allow_redirects=True)",
        "requests.Session().send(requests.Request('POST', URL, data=b'x').prepare(), allow_redirects=True)",
    ],
)
async def test_requests_follows_no_redirect(how: str) -> None:
    async with answering(saying(http(200))) as second:
        away = http(307, b"", f"Location: http://127.0.0.1:{second.port}/")
        async with answering(saying(away)) as first:
            result, _ = await attempt(how.replace("URL", "'http://127.0.0.1:%d/' % port"), first.port)
    assert (result, len(first.asked), second.connections) == (307, 1, 0)


@pytest.mark.parametrize("more", ["", ", proxies={'http': PROXY}"])
async def test_requests_uses_no_proxy(more: str) -> None:
    async with answering(saying(http(500))) as proxy, answering(saying(http(200))) as server:
        where = f"'http://127.0.0.1:{proxy.port}'"
        set_one = f"os.environ |= dict.fromkeys(['http_proxy', 'HTTP_PROXY', 'all_proxy'], {where})"
        what = f"requests.post('http://127.0.0.1:%d/' % port, b'x'{more.replace('PROXY', where)})"
        result, _ = await attempt(what, server.port, before=set_one)
    assert (result, proxy.connections) == (200, 0)


async def test_an_answer_without_end_is_cut() -> None:
    async with answering(saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000)) as server:
        body = "len(requests.post('http://127.0.0.1:%d/' % port, b'x').content) == 1024 * 1024 or 1 / 0"
        assert (await attempt(body, server.port)) == ("done", None)
