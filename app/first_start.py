"""The first start: who may come in when nobody was told yet (contract section 2).

On loopback a service without credentials makes one admin key and one webhook token, keeps their hashes and shows them
once. Anywhere else it refuses to start until both exist, and says how to make them.
"""

import time
from dataclasses import dataclass

from app.db.database import Database
from app.db.errors import DatabaseConflict
from app.dialling.addresses import is_loopback
from app.keys.schema import Scope, hash_key, new_key
from app.keys.store import create_key, list_keys
from app.settings import Settings


class NotAdmitted(Exception):
    """The service must not start like this. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was made at the first start; None for what existed already."""

    admin_key: str | None
    webhook_token: str | None


async def admit(settings: Settings, database: Database) -> Credentials:
    """Sees to it that somebody may read and somebody may post. Raises `NotAdmitted` off loopback when not."""
    records = await database.read(list_keys())
    in_force = [r.key for r in records if r.revoked_at is None]
    has_admin = settings.admin_key is not None or any(Scope.ADMIN in k.scopes for k in in_force)
    has_webhook = bool(settings.webhook_secrets) or any(Scope.WEBHOOK in k.scopes for k in in_force)
    if has_admin and has_webhook:
        return Credentials(None, None)
    if not is_loopback(settings.host):
        raise NotAdmitted(_how_to(settings.host, has_admin, has_webhook))
    return Credentials(
        None if has_admin else await _make(database, "first-admin", Scope.ADMIN),
        None if has_webhook else await _make(database, "first-webhook", Scope.WEBHOOK),
    )


async def _make(database: Database, name: str, scope: Scope) -> str | None:
    """A new key; None when another process that starts at the same time has made it."""
    key = new_key(frozenset({scope}))
    try:
        await database.write(create_key(name, hash_key(key), [scope], None, time.time_ns() // 1000))
    except DatabaseConflict:
        return None
    return key


def _how_to(host: str, has_admin: bool, has_webhook: bool) -> str:
    ways = []
    if not has_admin:
        ways.append("an admin key: set HOS_ADMIN_KEY, or run: hos-receiver keys create admin --scope admin")
    if not has_webhook:
        ways.append("a webhook secret: set HOS_WEBHOOK_SECRETS, or run: hos-receiver keys create maven --scope webhook")
    return f"HOS_HOST={host} can be reached by others, so before it starts it needs " + "; and ".join(ways)


SAMPLE_EVENT = (
    '{"eventType":"violationCreated","eventTime":"2024-01-01T00:00:00Z","id":"4095c1ff-915d-4744-a9d6-95a1cddcac43",'
    '"terminalCode":"PGH","logDate":"2024-01-01","driverName":"Doe, John","driverId":"JDOE123",'
    '"ruleset":"USA_PROPERTY_70_8","powerUnitNumber":"Truck 12345","type":"shift_drive","shortDescription":"Drive",'
    '"longDescription":"11 Hr Drive","startTime":"2024-01-01T00:00:00Z",'
    '"endTime":"2024-01-01T00:00:00Z","duration":"3:30",'
    '"startData":{place},"endData":{place}}'
).replace(
    "{place}",
    '{"odometer":12345.6,"latitude":40.46338,"longitude":-79.95474,"streetNumber":"4117","street":"Liberty Ave",'
    '"city":"Pittsburgh","state":"PA","country":"US","postalCode":"15224",'
    '"formattedAddress":"4117 Liberty Ave, Pittsburgh, PA 15224","eldLocation":{"city":"Pittsburgh","country":"USA",'
    '"direction":"SSE","distance":3.21,"formattedLocation":"3.21 mi SSE PA Pittsburgh, USA","jurisdiction":"PA",'
    '"postalCode":"15224","units":"mi"}}',
)
"""The event of Maven's ELD page, made valid JSON."""


def greeting(credentials: Credentials, address: str) -> str:
    """What the first start prints: each secret once, and a line that posts a sample event when pasted."""
    lines = []
    if credentials.admin_key is not None:
        lines.append(f"Admin key (shown once):      {credentials.admin_key}")
    if credentials.webhook_token is not None:
        lines.append(f"Webhook token (shown once):  {credentials.webhook_token}")
    lines.append(f"Dashboard:                   {address}/")
    lines.append(f"API reference:               {address}/docs")
    if credentials.webhook_token is not None:
        headers = f"-H 'Authorization: Bearer {credentials.webhook_token}' -H 'Content-Type: application/json'"
        curl = f"curl -sS {address}/webhooks/maven {headers} -d '{SAMPLE_EVENT}'"
        lines += ["", "Post a sample event (paste this line into another terminal):", "", curl]
    if credentials.admin_key is not None:
        lines += [
            "",
            "Read it back:",
            "",
            f"curl -sS {address}/v1/drivers/JDOE123/violations -H 'Authorization: Bearer {credentials.admin_key}'",
        ]
    return "\n".join(lines)
