"""What a process that runs Apprise may do: reach allowed addresses, follow no redirect, start nothing, open no file.

Apprise's services resolve names and connect by themselves, each as it likes, so they are judged where none gets past:
Python's audit events, which cannot be taken back. `socket.getaddrinfo`, `requests` and `smtplib` are made stricter on
top, and tell what went wrong, for services keep that to themselves. Addresses that C code dials (name servers, for
`getaddrinfo`) raise no event. Which addresses pass is `dialling.addresses`'s. For a child process only: it cannot be
undone. Contract section 7.
"""

import mimetypes
import os
import smtplib
import socket
import ssl
import sys
import sysconfig
import zoneinfo
from collections.abc import Callable
from typing import Any

from app.dialling.addresses import AddressGuard
from app.dialling.errors import Outcome

MOST_ANSWER_BYTES = 1024 * 1024
"""Of the body of an answer, unpacked; what follows is not read."""

_DIALS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NEVER = frozenset(
    [
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
        *("os.fork", "os.forkpty", "pty.spawn"),
        *("ctypes.dlopen", "socket.bind", "syslog.openlog", "syslog.syslog"),
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod"),
    ]
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Dialled(BaseException):
    """Ends a rehearsal at its first dial. No service catches it."""


class Gate:
    """Judges everything that this process does from `install` on, and remembers the last trouble."""

    def __init__(self, allowed: list[str]) -> None:
        self._guard = AddressGuard(allowed)
        self._resolve: Callable[..., list[Any]] = socket.getaddrinfo
        self._readable = _code_folders()
        self._is_shut = False
        self.is_rehearsal = False
        """Whether the first dial is only noted, and ends everything with `Dialled`."""
        self.dialled: tuple[str, object] | None = None
        """Host and port that were asked for first."""
        self.refusal: str | None = None
        self.failure: tuple[Outcome, str] | None = None
        """What went wrong, as the end of a sentence."""
        self.status = 0
        """The HTTP status answered last."""

    def begin(self, *, is_rehearsal: bool = False) -> None:
        """Forgets what came before."""
        self.is_rehearsal = is_rehearsal
        self.dialled = self.refusal = self.failure = None
        self.status = 0

    def install(self) -> None:
        """From now on addresses are judged and nothing is started. Before Apprise is imported."""
        sys.addaudithook(self._judge)
        socket.getaddrinfo = self._getaddrinfo
        _tell_tls(self)
        _tell_smtp(self)

    def shut(self) -> None:
        """From now on nothing is read but code and its data, and nothing written. After Apprise is imported."""
        _tame_requests(self)
        # Read once, from where the system keeps it.
        mimetypes.init()
        self._is_shut = True

    def refuse(self, reason: str) -> PermissionError:
        """Remembers a refusal; to be raised. Services take it for a failed connection."""
        self.refusal = self.refusal or reason
        return PermissionError(reason)

    def fail(self, outcome: Outcome, what: str) -> None:
        """Remembers a failure; the last counts."""
        self.failure = (outcome, what)

    def judge(self, host: str) -> None:
        """Resolves a host and judges all of its addresses. Raises `PermissionError`, and `OSError` for no address."""
        for found in self._look_up(host, None, 0, socket.SOCK_STREAM, 0, 0):
            self._judge_address(found[4][0])

    def _judge(self, event: str, given: tuple[Any, ...]) -> None:
        if event in _DIALS:
            self._judge_dial(*given[:2])
        elif not self._is_shut:
            # Importing reads, and looks for what the system offers.
            if event in _NEVER and event != "socket.bind" and event != "ctypes.dlopen":
                raise self.refuse("it would act on this machine")
        elif event == "open":
            self._judge_file(given[0], given[2])
        elif event in _NEVER:
            raise self.refuse("it would act on this machine")

    def _judge_dial(self, dialling: socket.socket, address: Any) -> None:
        if dialling.family not in (socket.AF_INET, socket.AF_INET6):
            raise self.refuse("it would speak to something on this machine")
        if address is None:
            # sendmsg on a connected socket, whose address was judged.
            return
        self._judge_address(address[0])

    def _judge_address(self, address: Any) -> None:
        if (reason := self._guard.refuse(str(address))) is not None:
            raise self.refuse(f"the address {address} may not be dialled: {reason}")

    def _judge_file(self, path: Any, flags: int) -> None:
        if isinstance(path, int):
            return
        if flags & _WRITES or not os.path.realpath(os.fsdecode(path)).startswith(self._readable):
            raise self.refuse("it would use a file on this machine")

    def _getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        if self.dialled is None:
            self.dialled = (os.fsdecode(host or ""), port)
        if self.is_rehearsal:
            raise Dialled
        found = self._look_up(host, port, family, type, proto, flags)
        for one in found:
            # All of them: a name with public and private addresses is made to get past a check of one.
            self._judge_address(one[4][0])
        return found

    def _look_up(self, host: Any, *how: Any) -> list[Any]:
        try:
            return self._resolve(host, *how)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "the lookup failed"
            self.fail("unreachable", f"has a name that cannot be resolved: {why}")
            raise


def _code_folders() -> tuple[str, ...]:
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*zoneinfo.TZPATH, os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + "/app"}
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)


def _tell_tls(gate: Gate) -> None:
    """Certificates are verified by whoever connects; here it is told when one is not accepted."""
    wrap = ssl.SSLContext.wrap_socket

    def wrap_socket(self: ssl.SSLContext, *given: Any, **more: Any) -> ssl.SSLSocket:
        self.check_hostname = True
        self.verify_mode = ssl.CERT_REQUIRED
        try:
            return wrap(self, *given, **more)
        except ssl.SSLCertVerificationError as error:
            gate.fail("tls", f"has a certificate that is not accepted: {' '.join(error.verify_message.split())}")
            raise
        except ssl.SSLError:
            gate.fail("tls", "does not speak TLS as it should")
            raise

    ssl.SSLContext.wrap_socket = wrap_socket  # type: ignore[method-assign]


def _tell_smtp(gate: Gate) -> None:
    connect, read_reply = smtplib.SMTP.connect, smtplib.SMTP.getreply

    def connecting(self: smtplib.SMTP, *given: Any, **more: Any) -> tuple[int, bytes]:
        try:
            return connect(self, *given, **more)
        except OSError as error:
            if gate.failure is None:
                _tell(gate, error)
            raise

    def reading(self: smtplib.SMTP) -> tuple[int, bytes]:
        try:
            code, text = read_reply(self)
        except (OSError, smtplib.SMTPException) as error:
            if gate.failure is None:
                _tell(gate, error.__context__ or error)
            raise
        if code >= 400:
            gate.fail("protocol", f"refused the message with the SMTP status {code}")
        return code, text

    smtplib.SMTP.connect = connecting  # type: ignore[method-assign]
    smtplib.SMTP.getreply = reading  # type: ignore[method-assign]


def _tell(gate: Gate, error: BaseException) -> None:
    if isinstance(error, TimeoutError):
        gate.fail("timeout", "did not answer in time")
    elif isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        gate.fail("unreachable", f"cannot be reached: {os.strerror(error.errno).lower()}")
    else:
        gate.fail("unreachable", "broke the connection off")


def _tame_requests(gate: Gate) -> None:
    """Every session, whoever makes it: no redirect, no proxy, no .netrc, certificates verified, answers bounded."""
    import requests

    session = requests.Session
    make, send = session.__init__, session.send

    def __init__(self: Any, *given: Any, **more: Any) -> None:
        make(self, *given, **more)
        self.trust_env = False

    def sending(self: Any, request: Any, **how: Any) -> Any:
        self.trust_env = False
        how |= {"allow_redirects": False, "proxies": {}, "verify": True, "cert": None, "stream": True}
        try:
            answer = send(self, request, **how)
            _read(answer)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise gate.refuse("its address cannot be read") from error
        except requests.exceptions.Timeout:
            gate.fail("timeout", "did not answer in time")
            raise
        except requests.exceptions.RequestException as error:
            if gate.failure is None:
                _tell(gate, _cause(error))
            raise
        gate.status = answer.status_code
        if 300 <= answer.status_code < 400:
            gate.fail("protocol", f"answered {answer.status_code}, a redirect, which is not followed")
        elif answer.status_code >= 400:
            gate.fail("protocol", f"answered {answer.status_code}")
        return answer

    session.__init__ = __init__  # type: ignore[method-assign]
    session.send = sending  # type: ignore[method-assign]
    session.resolve_redirects = _no_redirects  # type: ignore[method-assign]


def _no_redirects(*given: Any, **more: Any) -> Any:
    return iter(())


def _read(answer: Any) -> None:
    """Reads the body as far as it may be large, in place of the library, which reads all there is."""
    body = bytearray()
    for piece in answer.iter_content(64 * 1024):
        body += piece
        if len(body) > MOST_ANSWER_BYTES:
            del body[MOST_ANSWER_BYTES:]
            answer.close()
            break
    answer._content = bytes(body)
    answer._content_consumed = True


def _cause(error: BaseException) -> BaseException:
    """The error of the system behind the libraries' own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen
        reason = getattr(seen.args[0], "reason", None) if seen.args else None
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    return error
