"""What is registered, as tests write it down: rows by the names on the wire, persons as plain dictionaries."""

from collections.abc import Mapping, Sequence

from app.db.database import Database
from app.db.statements import shape_of
from app.identities.merging import PERSON_COLUMNS
from app.identities.model import AssetRow, CatenaVehicleRow, DriverIdentityRow, HomeTerminalRow
from app.identities.registering import NotRegistered, Registered, register
from app.identities.schema import Entry, check_asset, check_driver, check_terminal, check_vehicle

Row = Mapping[str, object]

NOW = 1_800_000_000_000_000


async def take(
    database: Database,
    *drivers: Row,
    assets: Sequence[Row] = (),
    terminals: Sequence[Row] = (),
    vehicles: Sequence[Row] = (),
    now: int = NOW,
) -> Registered:
    """Registers rows as one import; their places are `row 1` and so on."""
    given = [
        [Entry(f"row {number}", check(row)) for number, row in enumerate(rows, 1)]
        for check, rows in (
            (check_driver, drivers),
            (check_asset, assets),
            (check_terminal, terminals),
            (check_vehicle, vehicles),
        )
    ]
    return await database.write(register(database.dialect, given[0], given[1], given[2], now, given[3]))


async def refusals(
    database: Database, *drivers: Row, assets: Sequence[Row] = (), vehicles: Sequence[Row] = ()
) -> list[str]:
    """What is said of rows that cannot be registered."""
    try:
        await take(database, *drivers, assets=assets, vehicles=vehicles)
    except NotRegistered as error:
        return [f"{one.place}: {one.sentence}" for one in error.misfits]
    raise AssertionError("they were registered")


async def persons(database: Database) -> list[dict[str, object]]:
    """Everybody, in the order they became known: what is known of them, by columns."""
    rows = await database.fetch(f"SELECT {', '.join(PERSON_COLUMNS)} FROM driver_identities ORDER BY pk")
    return [
        {column: value for column, value in zip(PERSON_COLUMNS, row, strict=True) if value is not None} for row in rows
    ]


async def everything(database: Database) -> list[list[tuple[object, ...]]]:
    """All rows of the registry, whole."""
    found = []
    for model in (DriverIdentityRow, AssetRow, HomeTerminalRow, CatenaVehicleRow):
        shape = shape_of(model)
        rows = await database.fetch(f"SELECT {', '.join(shape.columns)} FROM {shape.name} ORDER BY 1")
        found.append([tuple(row) for row in rows])
    return found
