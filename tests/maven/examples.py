"""The event of Maven's ELD page, made valid JSON, and variants of it for tests."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"


def vehicle_data(**changes: Json) -> dict[str, Json]:
    """startData or endData of the page's example."""
    vehicle: dict[str, Json] = {
        "odometer": 12345.6,
        "latitude": 40.46338,
        "longitude": -79.95474,
        "streetNumber": "4117",
        "street": "Liberty Ave",
        "city": "Pittsburgh",
        "state": "PA",
        "country": "US",
        "postalCode": "15224",
        "formattedAddress": "4117 Liberty Ave, Pittsburgh, PA 15224",
        "eldLocation": {
            "city": "Pittsburgh",
            "country": "USA",
            "direction": "SSE",
            "distance": 3.21,
            "formattedLocation": "3.21 mi SSE PA Pittsburgh, USA",
            "jurisdiction": "PA",
            "postalCode": "15224",
            "units": "mi",
        },
    }
    return vehicle | changes


def violation_data(**changes: Json) -> dict[str, Json]:
    """The violation data of the page's example with some fields changed."""
    data: dict[str, Json] = {
        "eventTime": "2024-01-01T00:00:00Z",
        "id": "4095c1ff-915d-4744-a9d6-95a1cddcac43",
        "terminalCode": "PGH",
        "logDate": "2024-01-01",
        "driverName": "Doe, John",
        "driverId": "JDOE123",
        "ruleset": "USA_PROPERTY_70_8",
        "powerUnitNumber": "Truck 12345",
        "type": "shift_drive",
        "shortDescription": "Drive",
        "longDescription": "11 Hr Drive",
        "startTime": "2024-01-01T00:00:00Z",
        "endTime": "2024-01-01T00:00:00Z",
        "duration": "3:30",
        "startData": vehicle_data(),
        "endData": vehicle_data(),
    }
    return data | changes


def without(data: dict[str, Json], *names: str) -> dict[str, Json]:
    """The data less some fields."""
    return {name: value for name, value in data.items() if name not in names}


def flat_event(event_type: Json = "violationCreated", **changes: Json) -> dict[str, Json]:
    """The flat event of the page: violation data beside `eventType`."""
    return {"eventType": event_type, **violation_data(**changes)}


def enveloped(data: Json, event_type: Json = "violationCreated", event_id: Json = "event-1") -> dict[str, Json]:
    """A return event as the queue has it: violation data in an envelope."""
    return {"id": event_id, "timestamp": "2024-01-01T00:00:01Z", "eventType": event_type, "data": data}


def page(*events: Json) -> dict[str, Json]:
    """A page of `GET /return-events`."""
    return {"events": list(events), "pagination": {"nextPageStartTime": "2024-01-01T00:00:01Z", "hasNextPage": False}}


def as_bytes(value: Json) -> bytes:
    """JSON bytes without white space, UTF-8 unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
