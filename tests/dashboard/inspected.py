"""Inspections for tests of pages: reports kept as the API keeps them, names of vehicles, a provider that has not got
them, and a small fleet with everything that pages show.
"""

from collections.abc import Mapping
from uuid import UUID, uuid5

import orjson

from app.db.database import Database
from app.db.statements import Execute, WriteScript
from app.inspections.connections import LOCAL_ID, add_connection, ensure_local, find_connection
from app.inspections.operations import Attempted, accept_operation, note_attempt
from app.inspections.schema import read_report
from app.inspections.words import ConnectionKind, OperationStatus
from app.maven.times import DAY, HOUR, format_time
from tests.dashboard.logged import link

_UUIDS = UUID("0d9f2a76-3f0e-4c57-9a0b-52d0f3a3c9e4")
PROVIDER_ID = str(uuid5(_UUIDS, "provider"))


def uuid_of(name: str) -> str:
    """A UUID that depends on the name alone."""
    return str(uuid5(_UUIDS, name))


TRUCK, TRAILER, DRIVER = uuid_of("truck"), uuid_of("trailer"), uuid_of("driver")


async def inspect(database: Database, at: int, **fields: object) -> str:
    """Keeps a report of an inspection at an instant, of the truck by the driver; gives its id."""
    body = {
        "connection_id": LOCAL_ID,
        "driver_id": DRIVER,
        "vehicle_id": TRUCK,
        "occurred_at": format_time(at),
        "log_type": "pre_trip",
        **fields,
    }
    operation_id = await _accept(database, at, body, is_sync=str(body["connection_id"]) != LOCAL_ID)
    if body["connection_id"] != LOCAL_ID:
        done = Attempted(at, is_success=True, response_status_code=201, source_id=f"DVIR-{at % 10_000_000:07}")
        await database.write(note_attempt(database.dialect, operation_id, done, OperationStatus.SUCCESS, at))
    rows = await database.fetch("SELECT resource_id FROM resource_operations WHERE id = $1", operation_id)
    return str(rows[0][0])


async def refuse(database: Database, at: int, error: str | None, **fields: object) -> str:
    """Keeps an operation that the provider refused at an instant; without an error it waits untried. Gives its id."""
    body = {
        "connection_id": PROVIDER_ID,
        "driver_id": DRIVER,
        "vehicle_id": TRUCK,
        "occurred_at": format_time(at),
        **fields,
    }
    operation_id = await _accept(database, at, body, is_sync=True)
    if error is None:
        # Of one that is not synchronous nobody says that it was interrupted.
        await execute(database, "UPDATE resource_operations SET is_sync = 0 WHERE id = $1", operation_id)
        return operation_id
    tried = Attempted(
        at, is_success=False, response_status_code=422, error_type="refused_by_provider", error_details=error
    )
    await database.write(note_attempt(database.dialect, operation_id, tried, OperationStatus.FAILED, at))
    return operation_id


async def _accept(database: Database, at: int, body: Mapping[str, object], *, is_sync: bool) -> str:
    await database.write(ensure_local(at))
    connection = await database.read(find_connection(str(body["connection_id"])))
    assert connection is not None
    fields = read_report(orjson.dumps(body))
    partner_id = uuid_of("partner")
    script = accept_operation(database.dialect, connection, fields, partner_id, at, is_sync=is_sync)
    accepted = await database.write(script)
    assert accepted is not None
    return accepted.id


async def connect(database: Database, name: str, now: int) -> None:
    """Makes the connection to a provider; the outbox does not know it, so nothing is ever sent."""
    values = {"id": PROVIDER_ID, "name": name, "kind": int(ConnectionKind.HTTP), "mapping": "{}"}
    await database.write(add_connection(values, None, now))


async def name_vehicle(database: Database, vehicle_id: str, name: str | None, terminal: str | None = None) -> None:
    """Says which power unit a vehicle of Catena's is."""
    sql = "INSERT INTO catena_vehicles (vehicle_id, name, terminal_code, changed_at) VALUES ($1, $2, $3, 1)"
    await execute(database, sql, vehicle_id, name, terminal)


async def name_driver(
    database: Database, catena_id: str, name: str, terminal: str | None = None, driver_id: str | None = None
) -> None:
    """Says who a driver of Catena's is."""
    first, _, last = name.partition(" ")
    await link(
        database,
        driver_id,
        None,
        username=None,
        catena_driver_id=catena_id,
        first_name=first,
        last_name=last or None,
        terminal_code=terminal,
    )


async def execute(database: Database, sql: str, *arguments: object) -> None:
    """Runs one statement that writes."""

    def script() -> WriteScript[None]:
        yield Execute(sql, arguments)

    await database.write(script())


async def keep_fleet(database: Database, now: int, driver_id: str | None = None, unit: str = "T-204") -> None:
    """Three vehicles and a trailer with a fortnight of inspections: open, critical, corrected, refused and waiting."""
    van, bare, mate = uuid_of("van"), uuid_of("bare"), uuid_of("mate")
    await connect(database, "Catena Clearinghouse", now - 20 * DAY)
    await name_vehicle(database, TRUCK, unit, "PGH")
    await name_vehicle(database, van, "T-117", "DAL")
    await name_vehicle(database, TRAILER, "53-1180")
    await name_driver(database, DRIVER, "Ann Lee", "PGH", driver_id)
    await name_driver(database, mate, "Miguel Ortega", "DAL")
    away = {"connection_id": PROVIDER_ID, "inspected_by": "Ann Lee"}
    await inspect(
        database,
        now - 12 * DAY,
        **away,
        log_type="post_trip",
        status="defect_noted",
        defects=["tires", "lights_rear", "windshield_wipers"],
        defects_detail=[
            {"defect_type": "tires", "is_safety_critical": True, "description": "Right rear outer, tread below 2/32"}
        ],
        driver_comment="Tire will not pass a roadside. Wiper leaves streaks.",
        odometer=182_344.5,
        odometer_unit="mi",
    )
    await inspect(
        database,
        now - 11 * DAY - 4 * HOUR,
        log_type="mechanic",
        status="defect_corrected",
        defects=["tires", "lights_rear"],
        inspected_by="R. Kowalski, Penn Truck Care",
        certified_by="R. Kowalski",
        certify_date=format_time(now - 11 * DAY - 4 * HOUR),
        certify_comment="Tire replaced, lamp replaced.",
    )
    await inspect(database, now - 6 * DAY, **away, status="no_defect", defects=[], odometer=183_902, odometer_unit="mi")
    await inspect(
        database,
        now - 2 * DAY - 3 * HOUR,
        **away,
        trailer_id=TRAILER,
        status="defect_noted",
        defects=["brakes", "reflectors"],
        defects_detail=[
            {"defect_type": "brakes", "is_safety_critical": True, "description": "Air leak at the left rear chamber"}
        ],
        driver_comment="Loses 8 psi a minute with the brakes applied.",
        odometer=184_511.2,
        odometer_unit="mi",
        certified_by="Ann Lee",
        certify_date=format_time(now - 2 * DAY - 2 * HOUR),
    )
    await inspect(
        database,
        now - 26 * DAY,
        vehicle_id=van,
        driver_id=mate,
        log_type="post_trip",
        status="defect_noted",
        defects=["air_conditioner", "mirrors"],
        driver_comment="Passenger mirror is cracked.",
    )
    await inspect(
        database,
        now - 8 * HOUR,
        vehicle_id=bare,
        driver_id=uuid_of("stranger"),
        defects=["coupling_devices"],
        is_safety_critical=True,
        log_type="unknown",
    )
    await refuse(
        database,
        now - 30 * HOUR,
        "422: vehicle_id is not known to this fleet",
        vehicle_id=van,
        driver_id=mate,
        log_type="post_trip",
        defects=["steering_wheel", "horn"],
        is_safety_critical=True,
    )
    await refuse(database, now - 3 * HOUR, None, log_type="pre_trip", trailer_id=TRAILER)
