"""Why nobody was signed on. Every message is one line for people, without tokens, codes or secrets."""

from typing import Literal, TypeAlias

Reason: TypeAlias = Literal[
    "answer",
    "claims",
    "denied",
    "document",
    "expired",
    "issuer",
    "nonce",
    "refused",
    "signature",
    "state",
    "status",
    "subject",
    "timeout",
    "too_large",
    "unreachable",
    "unsupported",
]
"""For the log. `answer`, `denied` and `state` come of what the browser brought back; all others of the provider."""


class SignOnFailed(Exception):
    """The person is not signed on. Nothing of what the provider said may be believed."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
