"""What a simulation is asked to do.

Owns the options, their defaults and what they may be, and where the secret comes from. Doing it is `run.py`'s.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

from app.maven.simulator import DEFAULT_DAYS, DEFAULT_TERMINALS, Shape

DEFAULT_URL = "http://127.0.0.1:8000/webhooks/maven"
WEBHOOK_PATH = "/webhooks/maven"
MOST_CONNECTIONS = 1024
MOST_EVENTS_PER_REQUEST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """One simulation. `rate` is in events per second, 0 as fast as the receiver answers.

    `seed` None draws one; `until` None ends the stream at `DEFAULT_UNTIL` when a seed was given, so that the seed
    alone repeats it, and otherwise at the last full hour, so that a demo looks recent. `drivers` None fits the count.
    `out` writes request bodies as NDJSON to a file, or to standard output for `-`, instead of sending them. `secret`
    is a token, or a `whsec_…` secret that signs. `patience_seconds` without any answer end the simulation, as do
    `refused_seconds` of refused connections; a connection refused at the start ends it at once.
    """

    url: str = DEFAULT_URL
    secret: str | None = field(default=None, repr=False)
    count: int = 1000
    rate: float = 0.0
    seed: int | None = None
    batch: int = 1
    connections: int = 8
    drivers: int | None = None
    terminals: int = DEFAULT_TERMINALS
    days: int = DEFAULT_DAYS
    until: datetime | None = None
    shape: Shape = "mixed"
    out: str | None = None
    patience_seconds: float = 300.0
    refused_seconds: float = 30.0

    def check(self) -> None:
        """Raise ValueError for what is out of range; what concerns the stream itself is checked by `simulate`."""
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise ValueError("rate must be 0 (as fast as possible) or more events per second")
        if not 1 <= self.batch <= MOST_EVENTS_PER_REQUEST:
            raise ValueError(f"batch must be 1 to {MOST_EVENTS_PER_REQUEST}")
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise ValueError(f"connections must be 1 to {MOST_CONNECTIONS}")
        if self.until is not None and self.until.utcoffset() is None:
            raise ValueError("until must know its time zone")


def webhook_url(given: str) -> str:
    """The address to post to; a bare base URL gets the webhook's path. ValueError for what is no HTTP address."""
    try:
        url = httpx2.URL(given)
    except (httpx2.InvalidURL, ValueError) as error:
        raise ValueError(f"url is not an address: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("url must begin with http:// or https:// and name a host")
    return str(url.copy_with(path=WEBHOOK_PATH) if url.path in {"", "/"} else url)


def find_secret(given: str | None, environment: Mapping[str, str]) -> str | None:
    """What to authenticate with: as given, else `HOS_SIMULATE_TOKEN`, else of `HOS_WEBHOOK_SECRETS` the first that
    serves.

    Of several webhook secrets a shared token is taken before a signing secret.
    """
    for named in (given, environment.get("HOS_SIMULATE_TOKEN")):
        if named:
            return named
    secrets = [secret.strip() for secret in environment.get("HOS_WEBHOOK_SECRETS", "").split(",") if secret.strip()]
    return min(secrets, key=lambda secret: secret.startswith("whsec_"), default=None)
