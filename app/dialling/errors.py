"""Why a dial gave no answer. Every message is one line for people and shows of a URL only scheme, host and port."""

from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["timeout", "unreachable", "tls", "protocol", "too_large"]
"""Of a dial that gave no answer, for metrics; `too_large` is an answer whose head is."""


class DialRefused(Exception):
    """We do not dial this: the URL is wrong, or an address behind it is forbidden. Nothing was sent."""


class DialFailed(Exception):
    """We dialled and got no answer. Later it may go better."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
