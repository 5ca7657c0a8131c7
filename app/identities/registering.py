"""Scripts that register drivers, vehicles and home terminals: all rows of one import, or none.

What becomes of persons is decided in `merging`; how a person becomes known by a first record is `store`'s. Records and
imports take the same lock first, so that neither makes a person whom the other is about to merge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from sqlmodel import SQLModel

from app.db.arguments import any_of, list_argument
from app.db.errors import Withdrawn
from app.db.statements import Dialect, Execute, Fetch, Insert, ReadScript, WriteScript, json_rows, shape_of
from app.identities.merging import ID_COLUMNS, PERSON_COLUMNS, Merging, Misfit, Person, contradiction
from app.identities.model import AssetRow, CatenaVehicleRow, DriverIdentityRow, HomeTerminalRow
from app.identities.schema import Entry, Value, Values
from app.identities.store import COLUMNS, Identity, identity_of

_NUMBERS = ("user_id", "day_start_hour")


class NotRegistered(Withdrawn):
    """Rows that cannot be registered; nothing of them is kept. There is one misfit at least."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__("; ".join(f"{misfit.place}: {misfit.sentence}" for misfit in misfits[:3]))
        self.misfits = misfits


@dataclass(frozen=True, slots=True)
class Registered:
    """How many were spoken of; of the drivers, how many were not known before, and how often two became one."""

    drivers: int = 0
    new_drivers: int = 0
    merged_drivers: int = 0
    assets: int = 0
    terminals: int = 0
    vehicles: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What registering is going to write. A vehicle or terminal with a time of change is as it was."""

    merging: Merging
    assets: Mapping[Value, Values]
    terminals: Mapping[Value, Values]
    vehicles: Mapping[Value, Values]

    @property
    def registered(self) -> Registered:
        """In numbers."""
        persons = self.merging.touched
        new = sum(person.pk is None for person in persons)
        of_things = len(self.assets), len(self.terminals), len(self.vehicles)
        return Registered(len(persons), new, self.merging.merged, *of_things)


def plan_registering(
    dialect: Dialect,
    drivers: Sequence[Entry],
    assets: Sequence[Entry] = (),
    terminals: Sequence[Entry] = (),
    vehicles: Sequence[Entry] = (),
) -> ReadScript[Plan]:
    """What would become of rows, by what is known now. Raises `NotRegistered`."""
    merging = Merging((yield from _find_persons(dialect, drivers)))
    for entry in drivers:
        merging.take(entry)
    misfits = list(merging.misfits)
    known_assets = yield from _find_rows(dialect, AssetRow, assets)
    known_terminals = yield from _find_rows(dialect, HomeTerminalRow, terminals)
    known_vehicles = yield from _find_rows(dialect, CatenaVehicleRow, vehicles)
    plan = Plan(
        merging,
        _overlaid(known_assets, AssetRow, assets, "vehicle", misfits),
        _overlaid(known_terminals, HomeTerminalRow, terminals, "terminal", misfits),
        _overlaid(known_vehicles, CatenaVehicleRow, vehicles, "vehicle", misfits),
    )
    if misfits:
        raise NotRegistered(misfits)
    return plan


def register(
    dialect: Dialect,
    drivers: Sequence[Entry],
    assets: Sequence[Entry],
    terminals: Sequence[Entry],
    now: int,
    vehicles: Sequence[Entry] = (),
) -> WriteScript[Registered]:
    """Registers all rows; `assets` are vehicles of VisTracks', `vehicles` Catena's, `now` is in microseconds since 1970
    UTC. Raises `NotRegistered`, and then keeps none.

    A driver's row is merged into the person whom any of its ids names. What it says takes the place of what was known,
    what it leaves out stays. Ids of two persons make one of them where one is bare or their ids do not contradict; a
    driver id is never exchanged for another.
    """
    yield Execute("UPDATE duty_ledger SET last_id = last_id WHERE pk = 1")
    plan = yield from plan_registering(dialect, drivers, assets, terminals, vehicles)
    yield from _write_persons(dialect, plan.merging, now)
    written = ((AssetRow, plan.assets), (HomeTerminalRow, plan.terminals), (CatenaVehicleRow, plan.vehicles))
    for model, rows in written:
        columns = shape_of(model).columns
        changed = [{**row, "changed_at": now} for row in rows.values() if row["changed_at"] is None]
        yield Insert(model, [tuple(row[column] for column in columns) for row in changed], replace=True)
    return plan.registered


def _find_persons(dialect: Dialect, entries: Sequence[Entry]) -> ReadScript[list[Identity]]:
    """Everybody whom an id in the rows names."""
    found: dict[int, Identity] = {}
    for column in ID_COLUMNS:
        ids = {value for entry in entries if (value := entry.values.get(column)) is not None}
        if ids:
            sql_type = "bigint" if column == "user_id" else "text"
            rows = yield Fetch(
                f"SELECT {COLUMNS} FROM driver_identities WHERE {column} IN {any_of(dialect, 1, sql_type)}",
                (_list_argument(dialect, ids),),
            )
            found |= {row[0]: identity_of(row) for row in rows}
    return list(found.values())


def _list_argument(dialect: Dialect, values: Iterable[Value]) -> object:
    numbers = [value for value in values if isinstance(value, int)]
    return list_argument(dialect, numbers or [value for value in values if isinstance(value, str)])


def _find_rows(dialect: Dialect, model: type[SQLModel], entries: Sequence[Entry]) -> ReadScript[dict[Value, Values]]:
    """The vehicles or terminals of which the rows speak, as they are known."""
    if not entries:
        return {}
    shape = shape_of(model)
    (key,) = shape.key
    sql_type = "text" if isinstance(entries[0].values[key], str) else "bigint"
    rows = yield Fetch(
        f"SELECT {', '.join(shape.columns)} FROM {shape.name} WHERE {key} IN {any_of(dialect, 1, sql_type)}",
        (_list_argument(dialect, {entry.values[key] for entry in entries}),),
    )
    return {row[0]: dict(zip(shape.columns, row, strict=True)) for row in rows}


def _overlaid(
    known: Mapping[Value, Values], model: type[SQLModel], entries: Iterable[Entry], what: str, misfits: list[Misfit]
) -> dict[Value, Values]:
    """Each vehicle or terminal of which the rows speak, as it is to be."""
    shape = shape_of(model)
    found: dict[Value, Values] = {}
    said: dict[Value, dict[str, tuple[Value, str]]] = {}
    for entry in entries:
        key = entry.values[shape.key[0]]
        misfit = contradiction(entry, said.setdefault(key, {}), what)
        if misfit is not None:
            misfits.append(misfit)
        said[key] |= {column: (value, entry.place) for column, value in entry.values.items()}
        before = found.get(key) or known.get(key) or dict.fromkeys(shape.columns)
        is_changed = any(before[column] != value for column, value in entry.values.items())
        found[key] = {**before, **entry.values, "changed_at": None if is_changed else before["changed_at"]}
    return found


def _write_persons(dialect: Dialect, merging: Merging, now: int) -> WriteScript[None]:
    changed = [person for person in merging.touched if person.is_changed]
    if merging.removed:
        yield Execute(
            f"DELETE FROM driver_identities WHERE pk IN {any_of(dialect, 1, 'bigint')}",
            (list_argument(dialect, merging.removed),),
        )
    kept = {person.pk: person for person in changed if person.pk is not None}
    if kept:
        # First without ids: one may pass from one person to the next.
        yield Execute(
            "UPDATE driver_identities SET driver_id = NULL, user_id = NULL, catena_driver_id = NULL"
            f" WHERE pk IN {any_of(dialect, 1, 'bigint')}",
            (list_argument(dialect, kept),),
        )
        columns = shape_of(DriverIdentityRow).columns
        rows = [tuple({**one.values, "pk": pk, "changed_at": now}[c] for c in columns) for pk, one in kept.items()]
        yield Insert(DriverIdentityRow, rows, replace=True)
    yield from _add_persons(dialect, [person for person in changed if person.pk is None], now)


def _add_persons(dialect: Dialect, persons: Sequence[Person], now: int) -> WriteScript[None]:
    if not persons:
        return
    names = ", ".join(PERSON_COLUMNS)
    types = {column: "bigint" if column in _NUMBERS else "text" for column in PERSON_COLUMNS}
    yield Execute(
        f"INSERT INTO driver_identities ({names}, changed_at)"
        f" SELECT {names}, CAST($2 AS bigint) FROM {json_rows(dialect, 1, types)} AS made",
        (orjson.dumps([person.values for person in persons]).decode(), now),
    )
