"""How a provider's credentials are presented, and that an answer that repeats them is not kept as it is."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.dialling.client import Answer


def header_of(credentials: Mapping[str, str]) -> dict[str, str]:
    """The header for credentials as they are kept: `type` is bearer, basic or header."""
    match credentials["type"]:
        case "bearer":
            return {"authorization": f"Bearer {credentials['token']}"}
        case "basic":
            named = f"{credentials['username']}:{credentials['password']}".encode()
            return {"authorization": f"Basic {base64.b64encode(named).decode()}"}
        case _:
            return {credentials["name"]: credentials["value"]}


def secrets_of(credentials: Mapping[str, str]) -> list[str]:
    """The texts in credentials, and in their header, that must not be shown."""
    (value,) = header_of(credentials).values()
    own = (credentials.get(name, "") for name in ("token", "password", "value"))
    return [text for text in (*own, value.rpartition(" ")[2]) if text]


def without_secrets(answer: Answer, secrets: Iterable[str]) -> Answer:
    """The answer as it may be shown: some providers repeat what they were sent when they refuse it."""
    known = list(secrets)
    said = answer.body.decode("utf-8", "replace")
    kept = {name: value for name, value in answer.headers.items() if not any(one in value for one in known)}
    return replace(answer, headers=kept, excerpt="" if any(one in said for one in known) else answer.excerpt)
