"""Which person a row means, and what becomes of them: rows merged into the persons that their ids name.

Works in memory on the persons that `registering` has read and will write. A person who became known by a first record
is bare: a user id and a username, and nothing else. The username is no id, for it need not be unique.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from app.duty_log.words import SYSTEM_USERNAME
from app.identities.schema import FIELDS, SYSTEM_DRIVER, Entry, Value, Values
from app.identities.store import Identity
from app.maven.faults import excerpt

ID_COLUMNS = ("driver_id", "user_id", "catena_driver_id")
"""What names a person, the strongest first."""

PERSON_COLUMNS = tuple(column for column in Identity.__dataclass_fields__ if column != "pk")
_BEYOND_FIRST_RECORD = tuple(column for column in PERSON_COLUMNS if column not in ("user_id", "username"))


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong with a row; `detail` goes on from the field's name. Without a field it is the row as a whole."""

    place: str
    field: str
    detail: str

    @property
    def sentence(self) -> str:
        """Without the place."""
        return f"{self.field} {self.detail}".lstrip()


@dataclass(eq=False, slots=True)
class Person:
    """One person while rows are merged; `pk` is None for who is not kept yet."""

    pk: int | None
    values: Values
    said: dict[str, tuple[Value, str]] = field(default_factory=dict)
    """What the rows of this import said, and where."""
    is_changed: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether this is somebody who became known by a first record."""
        return self.values["user_id"] is not None and all(self.values[c] is None for c in _BEYOND_FIRST_RECORD)

    @property
    def is_system(self) -> bool:
        """Whether this is the driver of what was driven while nobody was signed in."""
        return self.values["username"] == SYSTEM_USERNAME

    def contradicts(self, other: "Person") -> bool:
        """Whether one of the ids is set in both, and not alike."""
        pairs = ((self.values[column], other.values[column]) for column in ID_COLUMNS)
        return any(one is not None and two is not None and one != two for one, two in pairs)

    def told(self) -> str:
        """Who this is, for people."""
        named = [(c, v) for c in (*ID_COLUMNS, "username") if (v := self.values[c]) is not None]
        return ", ".join(f"{FIELDS[column]} {told(value)}" for column, value in named)


def told(value: Value) -> str:
    """A value in a sentence."""
    return excerpt(value) if isinstance(value, str) else "nothing" if value is None else str(value)


def contradiction(entry: Entry, said: Mapping[str, tuple[Value, str]], what: str) -> Misfit | None:
    """A row that says otherwise than an earlier row of the same import said of the same."""
    for column, value in entry.values.items():
        before = said.get(column)
        if before is not None and before[0] != value:
            name = FIELDS[column]
            if column == "day_start_hour":
                return Misfit(entry.place, name, f"differs from that in {before[1]}, for the same {what}.")
            detail = f"is {told(value)} here and {told(before[0])} in {before[1]}, for the same {what}."
            return Misfit(entry.place, name, detail)
    return None


class Merging:
    """The persons whom the rows of one import name, and what becomes of them row by row."""

    def __init__(self, known: Iterable[Identity]) -> None:
        self.misfits: list[Misfit] = []
        self.removed: list[int] = []
        """Keys of those who turned out to be somebody else."""
        self.merged = 0
        self._touched: dict[Person, None] = {}
        self._by_id: dict[tuple[str, Value], Person] = {}
        for identity in known:
            values: Values = asdict(identity)
            del values["pk"]
            self._index(Person(identity.pk, values))

    @property
    def touched(self) -> list[Person]:
        """Those of whom a row spoke, in that order."""
        return list(self._touched)

    def take(self, entry: Entry) -> None:
        """Merges a row into the person it means, or notes why it cannot be."""
        named = list(self._named(entry))
        misfit = self._refused(entry, named)
        if misfit is not None:
            self.misfits.append(misfit)
            return
        persons = [person for _, person in named]
        if not persons:
            persons = [Person(None, dict.fromkeys(PERSON_COLUMNS), is_changed=True)]
        for person in persons:
            self._forget(person)
        usernames = {one.values["user_id"]: one.values["username"] for one in persons}
        person = self._unite(persons)
        changes = {**entry.values}
        user_id = changes.get("user_id", person.values["user_id"])
        if user_id is not None and (username := usernames.get(user_id)) is not None:
            changes.setdefault("username", username)  # it goes with the user id, whoever of them had it
        person.is_changed |= any(person.values[column] != value for column, value in changes.items())
        person.values |= changes
        person.said |= {column: (value, entry.place) for column, value in entry.values.items()}
        self._index(person)
        self._touched[person] = None

    def _named(self, entry: Entry) -> Iterator[tuple[str, Person]]:
        """The persons whom the ids of a row name, each once and with the first of these ids."""
        seen = set()
        for column in ID_COLUMNS:
            person = self._by_id.get((column, entry.values.get(column)))
            if person is not None and person not in seen:
                seen.add(person)
                yield column, person

    def _refused(self, entry: Entry, named: list[tuple[str, Person]]) -> Misfit | None:
        """What is wrong with a row whose ids name these persons."""
        driver_id = entry.values.get("driver_id")
        said: dict[str, tuple[Value, str]] = {}
        for number, (column, person) in enumerate(named):
            is_another = driver_id is not None and person.values["driver_id"] not in (None, driver_id)
            if is_another or not all(_may_unite(one, person) for _, one in named[:number]):
                detail = f"{told(entry.values[column])} belongs to another driver: {person.told()}."
                return Misfit(entry.place, FIELDS[column], detail)
            misfit = contradiction(Entry(entry.place, {c: v for c, (v, _) in person.said.items()}), said, "driver")
            if misfit is not None:
                return misfit
            said |= person.said
        return contradiction(entry, said, "driver") or _misused_system(entry, named)

    def _unite(self, persons: list[Person]) -> Person:
        """One person of several. Who is more than bare stays, else the first."""
        kept, *rest = sorted(persons, key=lambda one: one.is_bare)
        for other in rest:
            self.merged += 1
            if kept.pk is None:
                kept.pk = other.pk
            elif other.pk is not None:
                self.removed.append(other.pk)
            kept.values = {c: other.values[c] if value is None else value for c, value in kept.values.items()}
            kept.said = {**other.said, **kept.said}
            kept.is_changed = True
        return kept

    def _index(self, person: Person) -> None:
        for column in ID_COLUMNS:
            if person.values[column] is not None:
                self._by_id[column, person.values[column]] = person

    def _forget(self, person: Person) -> None:
        self._touched.pop(person, None)
        for column in ID_COLUMNS:
            self._by_id.pop((column, person.values[column]), None)


def _may_unite(one: Person, other: Person) -> bool:
    return one.is_bare != other.is_bare or not one.contradicts(other)


def _misused_system(entry: Entry, named: list[tuple[str, Person]]) -> Misfit | None:
    """A row that makes a driver of who is none."""
    driver_ids = [entry.values["driver_id"]] if "driver_id" in entry.values else []
    driver_ids = driver_ids or [person.values["driver_id"] for _, person in named]
    if all(driver_id is None for driver_id in driver_ids):
        return None
    if entry.values.get("username") == SYSTEM_USERNAME:
        return Misfit(entry.place, "username", f"is that of {SYSTEM_DRIVER}")
    for column, person in named:
        if person.is_system:
            return Misfit(entry.place, FIELDS[column], f"{told(entry.values[column])} is that of {SYSTEM_DRIVER}")
    return None
