"""Apprise's services, in the process that runs them: which may be used, what of a URL is shown, one message to one.

A service may be used when it speaks HTTP by `requests` or SMTP by `smtplib`, for those are what `apprise_gate` watches.
What crosses from and to the parent is `apprise_child`'s. Imports Apprise, so only the child imports this.
"""

import re
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, cast

import apprise
from apprise import plugins as _plugins
from apprise.manager_plugins import NotificationManager
from apprise.plugins.email.base import NotifyEmail

from app.alerts.apprise_gate import Dialled, Gate
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.urls import LONGEST_URL

# They have no types.
_MANAGER: Any = cast(Any, NotificationManager)()
_read_url = cast(Callable[[str], dict[str, Any] | None], _plugins.url_to_dict)

_ON_THIS_MACHINE = "acts on the machine it runs on"
_OWN_PROTOCOL = "speaks neither HTTP nor SMTP"
_KEEPS_FILES = "keeps files on the machine it runs on"

UNUSABLE = {
    "blink1": _ON_THIS_MACHINE,
    "dbus": _ON_THIS_MACHINE,
    "glib": _ON_THIS_MACHINE,
    "gnome": _ON_THIS_MACHINE,
    "macosx": _ON_THIS_MACHINE,
    "syslog": _ON_THIS_MACHINE,
    "windows": _ON_THIS_MACHINE,
    # Some of their libraries dial in C, where no address is judged; some get no answer, so that nothing is known.
    "amqp": _OWN_PROTOCOL,
    "aprs": _OWN_PROTOCOL,
    "growl": _OWN_PROTOCOL,
    "irc": _OWN_PROTOCOL,
    "mqtt": _OWN_PROTOCOL,
    "nostr": _OWN_PROTOCOL,
    "rsyslog": _OWN_PROTOCOL,
    "smpp": _OWN_PROTOCOL,
    "xmpp": _OWN_PROTOCOL,
    "vapid": _KEEPS_FILES,
}
"""Modules of Apprise whose services are refused, and why."""

LONGEST_PAUSE_SECONDS = 0.5
"""Between two requests of one message, where a service asks for more."""

_KINDS = {
    "problem": apprise.NotifyType.WARNING,
    "urgent": apprise.NotifyType.FAILURE,
    "good": apprise.NotifyType.SUCCESS,
    "info": apprise.NotifyType.INFO,
}
_SCHEMA = re.compile(r"([a-z0-9]{1,32}):", re.IGNORECASE)
_CALLS = re.compile(r"(?<!\w)@(?=\w)|<(?=[!@#/\w])")
_CONTROLS = frozenset(["Cc", "Cs", "Zl", "Zp"])
"""Categories of Unicode: controls, lone surrogates, separators of lines and paragraphs."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""They make text read otherwise than it is written."""


def services() -> list[Any]:
    """The classes of all services of the Apprise that is installed."""
    return list(_MANAGER.plugins(include_disabled=True))


def unusable_reason(service: Any) -> str | None:
    """Why a service may not be used, as the end of a sentence; None when it may be."""
    name = service.__module__.removeprefix("apprise.plugins.").split(".")[0]
    if name in UNUSABLE:
        return UNUSABLE[name]
    is_watched = issubclass(service, NotifyEmail) or any(
        "requests" in vars(sys.modules[parent.__module__]) for parent in service.__mro__
    )
    # Also a service that a later Apprise brings.
    return None if is_watched else _OWN_PROTOCOL


class Services:
    """Checks URLs and sends to them, one at a time. `total_seconds` is what a message may take in all."""

    def __init__(self, gate: Gate, total_seconds: float) -> None:
        self._gate = gate
        self._total_seconds = total_seconds
        apprise.URLBase.socket_read_timeout = total_seconds
        self._asset = apprise.AppriseAsset(
            app_id="hos-receiver",
            app_desc="HOS violations",
            storage_mode="memory",
            interpret_emojis=False,
            interpret_escapes=False,
            http_redirects=False,
            pgp_autogen=False,
            pem_autogen=False,
            allow_templates=False,
            async_mode=False,
        )

    def check(self, url: str) -> str:
        """What may be shown of a URL: schema, host and port, where it names a host. Nothing is sent.

        Raises `DialRefused` and, when its host cannot be resolved now, `DialFailed`.
        """
        gate = self._gate
        gate.begin()
        schema, service = self._open(url)
        gate.begin(is_rehearsal=True)
        # Only a service knows where it will dial. Whatever else it stumbles over, it will say so when it sends. On-call
        # services dial for some kinds of messages only.
        for kind in (apprise.NotifyType.FAILURE, apprise.NotifyType.INFO):
            if gate.dialled is None:
                with suppress(Dialled, Exception):
                    service.notify(body="-", title="-", notify_type=kind)
        gate.is_rehearsal = False
        if gate.dialled is None:
            self._settle(f"{schema}://****", is_sent=True)
            raise DialRefused(f"The {schema}:// URL leads nowhere: something in it is missing or wrong.")
        shown = self._shown(schema, service)
        if gate.dialled[0].lower() in _hosts(service):
            try:
                gate.judge(gate.dialled[0])
            except (OSError, UnicodeError):
                self._settle(shown, is_sent=False)
        self._settle(shown, is_sent=True)
        return shown

    def send(self, url: str, title: str, body: str, kind: Literal["problem", "urgent", "good", "info"]) -> None:
        """Sends one message. Raises `DialRefused` and `DialFailed`."""
        self._gate.begin()
        schema, service = self._open(url)
        try:
            is_sent = service.notify(
                body=inert(body).strip() or "-",
                title=" ".join(inert(title).split()),
                notify_type=_KINDS[kind],
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception:
            # Whatever a service stumbles over; its text may show the URL.
            is_sent = False
        self._settle(self._shown(schema, service), is_sent is True)

    def _open(self, url: str) -> tuple[str, Any]:
        """The schema as the URL has it (services change theirs to http), and the service."""
        try:
            schema, service = _instance(url, self._asset, self._total_seconds)
        except DialRefused:
            if self._gate.refusal is not None:
                raise DialRefused(f"The Apprise URL may not be used: {self._gate.refusal}.") from None
            raise
        self._settle(f"{schema}://****", is_sent=True)
        if not service.verify_certificate:
            raise DialRefused("verify=no may not be used: certificates are always verified.")
        if any(isinstance(value, apprise.AppriseAttachment) and len(value) for value in vars(service).values()):
            raise DialRefused("What reads a file, such as template= or a key file, may not be used.")
        # Between people that are told one after another; five seconds, which is usual, would end the message half-way.
        service.request_rate_per_sec = min(service.request_rate_per_sec, LONGEST_PAUSE_SECONDS)
        if service.overflow_mode == apprise.OverflowMode.UPSTREAM:
            # A service refuses what is too long for it, and a shorter message is better than none.
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        return schema, service

    def _shown(self, schema: str, service: Any) -> str:
        gate = self._gate
        if gate.dialled is None or gate.dialled[0].lower() not in _hosts(service):
            return f"{schema}://****"
        host, port = gate.dialled[0].lower(), gate.dialled[1]
        host = f"[{host}]" if ":" in host else host
        return f"{schema}://{host}:{port}/****" if service.port else f"{schema}://{host}/****"

    def _settle(self, shown: str, is_sent: bool) -> None:
        """Raises what the gate remembers, or the service itself says."""
        gate = self._gate
        if gate.refusal is not None:
            raise DialRefused(f"{shown} may not be used: {gate.refusal}.")
        # On the way to a success some answers may be refusals: of a log-in that is tried another way, say.
        if is_sent and not 300 <= gate.status < 400:
            return
        if gate.failure is not None:
            raise DialFailed(gate.failure[0], f"{shown} {gate.failure[1]}.")
        raise DialFailed("protocol", f"{shown} did not take the message.")


def _instance(url: str, asset: apprise.AppriseAsset, total_seconds: float) -> tuple[str, Any]:
    if len(url) > LONGEST_URL:
        raise DialRefused(f"The Apprise URL is longer than {LONGEST_URL:,} characters.")
    if any(unicodedata.category(character) in _CONTROLS for character in url):
        raise DialRefused("The Apprise URL has control characters in it.")
    if _SCHEMA.match(url) is None:
        raise DialRefused("The Apprise URL must begin with the name of a service, such as slack:// or mailto://.")
    try:
        found = _read_url(url)
    except Exception:
        found = None
    if not found or found.get("schema") not in _MANAGER:
        raise DialRefused("The Apprise URL is not one that Apprise knows, or is not complete.")
    schema = found["schema"]
    kind = _MANAGER[schema]
    if (reason := unusable_reason(kind)) is not None:
        raise DialRefused(f"{schema}:// may not be used: it {reason}.")
    given = {name.lower(): value for name, value in {**(found.get("qsd") or {}), **found}.items() if name != "qsd"}
    if given.get("verify") in (False, None) and "verify" in given:
        raise DialRefused("verify=no may not be used: certificates are always verified.")
    for name in ("rto", "cto"):
        if name in given and not _is_within(given[name], total_seconds):
            raise DialRefused(f"{name}= may be at most {total_seconds:g} s.")
    if not kind.enabled:
        raise DialRefused(f"{schema}:// may not be used: what it needs is not installed.")
    try:
        return schema, kind(**{**found, "asset": asset, "tag": set()})
    except Exception:
        raise DialRefused(f"The {schema}:// URL is not complete, or something in it is wrong.") from None


def _is_within(text: Any, most: float) -> bool:
    try:
        return 0 < float(text) <= most
    except (TypeError, ValueError):
        return False


def _hosts(service: Any) -> set[str]:
    """The hosts that a URL names, which may be shown; of other services what stands there may be a secret."""
    if "host" not in service.template_tokens:
        return set()
    named = (getattr(service, "host", None), getattr(service, "smtp_host", None))
    return {host.lower().strip("[]") for host in named if isinstance(host, str) and host}


def inert(text: str) -> str:
    """The text without what a service or a screen would take for more than text; each such character is replaced."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join("\N{REPLACEMENT CHARACTER}" if _is_harmful(character) else character for character in lines)
    # Nobody is called (@everyone, <!channel>) by the name of a driver.
    return _CALLS.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", plain)


def _is_harmful(character: str) -> bool:
    return character in _TURNS or (character not in "\n\t" and unicodedata.category(character) in _CONTROLS)
