"""Events of Maven's other products, which share the queue with the violations: pickup and delivery, linehaul and dock.

Owns their 47 names, in Maven's two styles (documentation pages "P&D Return Events" and "Linehaul & Dock App Return
Events"), and made-up data that looks like what such an event would carry. No reader of ours has a use for them; they
are here to be passed over, and one of them, `manifestCreated`, has a twin that differs by its first letter only.
"""

from random import Random

from app.maven.simulator.fleet import TERMINALS
from app.maven.simulator.tellings import draw_uuid
from app.maven.standin.envelopes import enveloped, maven_time
from app.maven.times import MINUTE

_PICKUP_AND_DELIVERY = """
arriveTerminal customerCreated customerUpdated departTerminal geofenceStopDeparture geofenceTerminalArrival
geofenceTerminalDeparture manifestClosed manifestCreated manifestDispatched manifestPlanned manifestRouteUpdated
manifestUpdated parentStopMerged routeComplete routeETAUpdate routeReturn routeStart routeStopListUpdated
shipmentAssignment shipmentComplete shipmentCreated shipmentRecomplete shipmentUnassignment shipmentUpdated
shipmentUpdatedInMaven stopArrival stopAssignment stopBegin stopComplete stopDeparture stopRouteUpdated
stopUnassignment
"""
_LINEHAUL = """
ManifestCreated ManifestDetailsUpdated StartedUnloadingManifest FinishedUnloadingManifest ManifestCompleted
MovementCreated MovementDetailsUpdated MovementAssignedToDriver MovementUnassignedFromDriver
MovementUnassignedFromManifest MovementReassignedToManifest MovementArrived MovementDeparted MovementDeleted
"""

PICKUP_AND_DELIVERY_TYPES = tuple(_PICKUP_AND_DELIVERY.split())
LINEHAUL_TYPES = tuple(_LINEHAUL.split())
FOREIGN_TYPES = PICKUP_AND_DELIVERY_TYPES + LINEHAUL_TYPES

_CUSTOMERS = (
    "Allegheny Steel Supply",
    "Three Rivers Grocery",
    "Lakeside Paper",
    "Mesa Tile & Stone",
    "Nørgaard Imports",
)
_TRAILERS_FROM, _MANIFESTS_FROM, _STOPS_FROM, _PRO_NUMBERS_FROM = 53_000, 700_000, 1_000_000, 400_000_000


def foreign_event(rng: Random, saved_at_us: int) -> bytes:
    """The JSON of one event saved at a time in microseconds since 1970 UTC; the same draws, the same event."""
    event_type = FOREIGN_TYPES[int(rng.random() * len(FOREIGN_TYPES))]
    happened_at = maven_time(saved_at_us - int(rng.random() * MINUTE))
    data = (_linehaul_data if event_type in LINEHAUL_TYPES else _pickup_and_delivery_data)(rng, event_type, happened_at)
    return enveloped(draw_uuid(rng), event_type, saved_at_us, data)


def _pickup_and_delivery_data(rng: Random, event_type: str, happened_at: str) -> dict[str, object]:
    terminal = _number(rng, 0, len(TERMINALS))
    data: dict[str, object] = {
        "eventTime": happened_at,
        "externalTerminalId": TERMINALS[terminal].code,
        "manifestId": _number(rng, _MANIFESTS_FROM, 90_000),
    }
    if event_type.startswith("customer"):
        number = _number(rng, 0, len(_CUSTOMERS))
        return {"eventTime": happened_at, "customerId": f"CUST{number:04d}", "name": _CUSTOMERS[number]}
    if event_type.startswith("shipment"):
        data["shipment"] = {
            "proNumber": str(_number(rng, _PRO_NUMBERS_FROM, 90_000_000)),
            "type": "pickup" if rng.random() < 0.4 else "delivery",
            "pieces": 1 + _number(rng, 0, 24),
            "weight": {"value": 40 + _number(rng, 0, 9000), "units": "lb"},
            "consignee": _CUSTOMERS[_number(rng, 0, len(_CUSTOMERS))],
        }
        return data
    data["driver"] = {"userId": _number(rng, 2000, 900), "externalUserId": f"USER{_number(rng, 100, 900)}"}
    if "stop" in event_type.lower():
        data["stop"] = {"id": _number(rng, _STOPS_FROM, 500_000), "sequence": 1 + _number(rng, 0, 18)}
    return data


def _linehaul_data(rng: Random, event_type: str, happened_at: str) -> dict[str, object]:
    origin = _number(rng, 0, len(TERMINALS))
    destination = (origin + 1 + _number(rng, 0, len(TERMINALS) - 1)) % len(TERMINALS)
    data: dict[str, object] = {
        "EventTime": happened_at,
        "ManifestNumber": f"M{_number(rng, _MANIFESTS_FROM, 90_000)}",
        "Origin": TERMINALS[origin].code,
        "Destination": TERMINALS[destination].code,
        "TrailerNumber": str(_number(rng, _TRAILERS_FROM, 9000)),
    }
    if event_type.startswith("Movement"):
        data["MovementId"] = draw_uuid(rng)
        data["DriverId"] = f"USER{_number(rng, 100, 900)}" if "Driver" in event_type else None
    return data


def _number(rng: Random, lowest: int, width: int) -> int:
    return lowest + int(rng.random() * width)
