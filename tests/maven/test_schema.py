"""Violation Data field by field: what each may hold, what it becomes, and how it is given back."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.maven.explain import explain
from app.maven.schema import EldLocation, VehicleData, ViolationData, read_facts, render
from app.maven.schema import validate as read_model
from app.maven.times import FIRST_INSTANT, LAST_INSTANT, format_time
from tests.maven.examples import Json, vehicle_data, violation_data

STRINGS = [
    "terminalCode",
    "driverName",
    "ruleset",
    "powerUnitNumber",
    "type",
    "shortDescription",
    "longDescription",
]
VEHICLE_STRINGS = ["streetNumber", "street", "city", "state", "country", "postalCode", "formattedAddress"]
ELD_STRINGS = ["city", "country", "direction", "formattedLocation", "jurisdiction", "postalCode", "units"]
NO_STRINGS: list[Json] = [1, 1.5, True, [], ["x"], {}]
NO_NUMBERS: list[Json] = [
    True,
    False,
    "",
    " 1",
    "1 ",
    "1\n",
    "1_0",
    "0x10",
    "1,5",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e400",
    "--1",
    "+",
    ".",
    "e5",
    "1e",
    "\u0661",
    "\uff11",
    [],
    [1],
    {},
]


def validate(data: dict[str, Any]) -> ViolationData:
    """The violation data. That its facts are read alike, and refused alike, is looked at on the way."""
    try:
        model: ViolationData = read_model(data)
    except ValidationError:
        with pytest.raises(ValidationError):
            read_facts(data)
        raise
    facts = read_facts(data)
    assert facts._asdict() == {name: getattr(model, name) for name in facts._fields}
    assert facts.duration_minutes == model.duration_minutes
    return model


def faults_of(data: dict[str, Any]) -> dict[str, str]:
    """The faults of violation data, by pointer; empty when it is valid."""
    try:
        validate(data)
    except ValidationError as error:
        return {fault.pointer: fault.detail for fault in explain(data, error, "violationCreated")}
    return {}


def test_mavens_example_is_read_whole() -> None:
    data = validate(violation_data())
    assert data.eventTime == data.startTime == data.endTime == 1704067200_000_000
    assert (data.id, data.driverId) == ("4095c1ff-915d-4744-a9d6-95a1cddcac43", "JDOE123")
    assert (data.logDate, data.duration, data.duration_minutes) == ("2024-01-01", "3:30", 210)
    assert data.startData == data.endData
    assert data.startData is not None
    assert (data.startData.odometer, data.startData.latitude, data.startData.longitude) == (
        12345.6,
        40.46338,
        -79.95474,
    )
    assert data.startData.eldLocation is not None
    assert data.startData.eldLocation.distance == 3.21


def test_mavens_example_is_given_back_whole() -> None:
    assert json.loads(render(validate(violation_data()))) == violation_data()


def test_what_is_absent_is_given_back_as_null() -> None:
    data = validate(
        {"id": "v", "eventTime": "2024-01-01T00:00:00.25Z", "startData": {}, "endData": {"eldLocation": {}}}
    )
    given_back = json.loads(render(data))
    assert list(given_back) == list(violation_data())
    assert given_back["eventTime"] == "2024-01-01T00:00:00.250000Z"
    assert given_back["startData"] == dict.fromkeys(vehicle_data())
    eld_location = dict.fromkeys(vehicle_data()["eldLocation"])  # type: ignore[arg-type]
    assert given_back["endData"] == dict.fromkeys(vehicle_data()) | {"eldLocation": eld_location}
    others = {name for name in given_back if given_back[name] is not None}
    assert others == {"id", "eventTime", "startData", "endData"}
    assert data.duration_minutes is None


def test_the_models_own_json_is_what_render_gives() -> None:
    data = validate(violation_data(startTime=None, endData=None))
    assert json.loads(data.model_dump_json()) == json.loads(render(data))


@pytest.mark.parametrize("name", [name for name in violation_data() if name not in ("id", "eventTime")])
def test_every_field_but_id_and_event_time_may_be_null_or_absent(name: str) -> None:
    assert faults_of(violation_data(**{name: None})) == {}
    data = violation_data()
    del data[name]
    assert getattr(validate(data), name) is None


@pytest.mark.parametrize("name", ["id", "eventTime"])
def test_id_and_event_time_are_required(name: str) -> None:
    assert faults_of(violation_data(**{name: None})) == {f"/{name}": "is required for violationCreated"}
    data = violation_data()
    del data[name]
    assert faults_of(data) == {f"/{name}": "is required for violationCreated"}


@pytest.mark.parametrize(
    "name", [*STRINGS, "id", "driverId", "eventTime", "startTime", "endTime", "logDate", "duration"]
)
@pytest.mark.parametrize("value", NO_STRINGS)
def test_a_string_is_nothing_else(name: str, value: Json) -> None:
    faults = faults_of(violation_data(**{name: value}))
    assert list(faults) == [f"/{name}"]
    assert faults[f"/{name}"].startswith("must be a string, not a")


@pytest.mark.parametrize("name", STRINGS)
@pytest.mark.parametrize("value", ["", " ", "x" * 10_000, "Zo\xeb \U0001f69a", "=1+1", "\x01\x7f"])
def test_strings_are_open_and_kept_as_they_are(name: str, value: str) -> None:
    assert getattr(validate(violation_data(**{name: value})), name) == value


@pytest.mark.parametrize("name", ["id", "driverId"])
def test_an_identifier_has_1_to_255_characters(name: str) -> None:
    for value in ("1", "x" * 255, "\U0001f69a" * 255, " ", "a/b?c#d%"):
        assert getattr(validate(violation_data(**{name: value})), name) == value
    assert faults_of(violation_data(**{name: ""})) == {f"/{name}": "must have 1 to 255 characters, not 0"}
    assert faults_of(violation_data(**{name: "x" * 256})) == {f"/{name}": "must have 1 to 255 characters, not 256"}


@pytest.mark.parametrize("name", ["eventTime", "startTime", "endTime"])
@pytest.mark.parametrize("value", ["", "2024-01-01", "1704067200", "2024-01-01T24:00:00Z", "2200-01-01T00:00:00Z"])
def test_a_time_is_iso_8601(name: str, value: str) -> None:
    faults = faults_of(violation_data(**{name: value}))
    assert list(faults) == [f"/{name}"]
    assert f'not "{value}"' in faults[f"/{name}"]


@pytest.mark.parametrize(
    "name,value,words",
    [
        ("logDate", "2024-02-30", "must be a date that exists"),
        ("logDate", "01/02/2024", "must be a date written YYYY-MM-DD"),
        ("duration", "3:60", "must be a duration written H:MM"),
        ("duration", "10000:00", "must be a duration written H:MM"),
    ],
)
def test_log_date_and_duration_have_one_form(name: str, value: str, words: str) -> None:
    assert words in faults_of(violation_data(**{name: value}))[f"/{name}"]


@pytest.mark.parametrize("name", ["startData", "endData"])
def test_vehicle_data_is_an_object_or_an_array_of_at_most_one(name: str) -> None:
    expected = getattr(validate(violation_data()), name)
    assert getattr(validate(violation_data(**{name: [vehicle_data()]})), name) == expected
    assert getattr(validate(violation_data(**{name: []})), name) is None
    either = "must be an object, or an array of at most one object"
    too_many: list[Json] = [vehicle_data(), vehicle_data()]
    arrays: list[Json] = [too_many, [None], [[]], [[vehicle_data()]], ["x"], [1]]
    for array in arrays:
        assert faults_of(violation_data(**{name: array})) == {f"/{name}": either}
    for value, kind in (("x", "a string"), (1, "a number"), (True, "a boolean")):
        assert faults_of(violation_data(**{name: value})) == {f"/{name}": f"must be an object, not {kind}"}


@pytest.mark.parametrize("location,pointer", [({}, "/startData/eldLocation"), ([{}], "/startData/eldLocation/0")])
def test_the_eld_location_is_an_object_or_an_array_of_at_most_one(location: Json, pointer: str) -> None:
    data = violation_data(startData=vehicle_data(eldLocation=location))
    vehicle = validate(data).startData
    assert vehicle is not None
    assert vehicle.eldLocation == EldLocation()
    wrong = [{"units": 1}] if isinstance(location, list) else {"units": 1}
    faults = faults_of(violation_data(startData=vehicle_data(eldLocation=wrong)))
    assert faults == {f"{pointer}/units": "must be a string, not a number"}
    assert validate(violation_data(startData=vehicle_data(eldLocation=[]))).startData == vehicle.model_copy(
        update={"eldLocation": None}
    )


@pytest.mark.parametrize("name", VEHICLE_STRINGS)
@pytest.mark.parametrize("value", NO_STRINGS)
def test_the_strings_of_vehicle_data_are_strings(name: str, value: Json) -> None:
    faults = faults_of(violation_data(endData=[vehicle_data(**{name: value})]))
    assert list(faults) == [f"/endData/0/{name}"]
    faults = faults_of(violation_data(startData=vehicle_data(**{name: value})))
    assert list(faults) == [f"/startData/{name}"]


@pytest.mark.parametrize("name", ELD_STRINGS)
@pytest.mark.parametrize("value", NO_STRINGS)
def test_the_strings_of_an_eld_location_are_strings(name: str, value: Json) -> None:
    faults = faults_of(violation_data(startData=[vehicle_data(eldLocation={name: value})]))
    assert list(faults) == [f"/startData/0/eldLocation/{name}"]


@pytest.mark.parametrize("name", ["odometer", "latitude", "longitude"])
@pytest.mark.parametrize(
    "value,expected",
    [
        (0, 0.0),
        (-12, -12.0),
        (1.25, 1.25),
        ("1.25", 1.25),
        ("+1.25", 1.25),
        ("-1", -1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e1", 10.0),
        ("25E-1", 2.5),
        ("007", 7.0),
        ("1e-400", 0.0),
    ],
)
def test_a_number_may_be_a_numeric_string(name: str, value: Json, expected: float) -> None:
    vehicle = validate(violation_data(startData=vehicle_data(**{name: value}))).startData
    assert vehicle is not None
    number = getattr(vehicle, name)
    assert number == expected
    assert type(number) is float


@pytest.mark.parametrize("name", ["odometer", "latitude", "longitude"])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_nothing_else_is_a_number(name: str, value: Json) -> None:
    faults = faults_of(violation_data(startData=vehicle_data(**{name: value})))
    assert list(faults) == [f"/startData/{name}"]
    assert faults[f"/startData/{name}"].startswith("must be a number")


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_the_distance_is_a_number_too(value: Json) -> None:
    vehicle = vehicle_data(eldLocation={"distance": value})
    assert list(faults_of(violation_data(endData=vehicle))) == ["/endData/eldLocation/distance"]
    vehicle = vehicle_data(eldLocation={"distance": "3.21"})
    read = validate(violation_data(endData=vehicle)).endData
    assert read is not None
    assert read.eldLocation == EldLocation(distance=3.21)


@pytest.mark.parametrize("name,most", [("latitude", 90), ("longitude", 180)])
def test_coordinates_are_on_the_globe(name: str, most: int) -> None:
    inside: list[Json] = [most, -most, f"{most}", f"-{most}.0"]
    for value in inside:
        assert faults_of(violation_data(startData=vehicle_data(**{name: value}))) == {}
    for value in (most + 0.001, -most - 1, 10**300, -(10**300)):
        detail = faults_of(violation_data(startData=vehicle_data(**{name: value})))[f"/startData/{name}"]
        assert detail.startswith(f"must be a number between -{most} and {most}, not ")
    for value in (f"{most}.001", "-1e3"):
        detail = faults_of(violation_data(startData=vehicle_data(**{name: value})))[f"/startData/{name}"]
        assert detail == f'must be a number between -{most} and {most}, not "{value}"'


def test_an_odometer_has_no_bounds_but_those_of_a_double() -> None:
    for value in (-1, 1e300, 10**300, "1e308"):
        assert faults_of(violation_data(startData=vehicle_data(odometer=value))) == {}
    for value in (float("inf"), float("nan")):
        assert list(faults_of(violation_data(startData=vehicle_data(odometer=value)))) == ["/startData/odometer"]


def test_unknown_fields_are_passed_over_at_every_level() -> None:
    vehicle = vehicle_data(speed=[1], eldLocation={"x": {"y": None}, "city": "Erie"})
    data = validate(violation_data(eventType=1, extra={"id": 1}, startData=vehicle))
    assert set(json.loads(render(data))) == set(violation_data())


def test_every_fault_is_found_once_in_the_order_of_the_table() -> None:
    vehicle = vehicle_data(latitude="91", street=1, eldLocation={"distance": True})
    faults = faults_of({"endData": [], "startData": [vehicle], "duration": 3, "driverId": "", "id": 5})
    assert list(faults) == [
        "/eventTime",
        "/id",
        "/driverId",
        "/duration",
        "/startData/0/latitude",
        "/startData/0/street",
        "/startData/0/eldLocation/distance",
    ]


def test_a_sentence_shows_little_of_what_was_sent() -> None:
    for value in ("x" * 100_000, "\n" * 100, "\ud800", "\u202e" * 50):
        for detail in faults_of(violation_data(eventTime=value, startData=vehicle_data(odometer=value))).values():
            assert len(detail) < 200
            assert detail.isprintable()
    huge = 10**5000
    assert "/startData/latitude" in faults_of(violation_data(startData=vehicle_data(latitude=huge)))


def test_openapi_is_told_the_same() -> None:
    def fields_of(model: type[VehicleData | ViolationData], name: str) -> Json:
        accepted: Json = TypeAdapter(model).json_schema(mode="validation")["properties"][name]["anyOf"]
        return accepted

    latitude = fields_of(VehicleData, "latitude")
    assert latitude == [
        {"type": "number", "minimum": -90, "maximum": 90},
        {"type": "string", "pattern": "^[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"},
        {"type": "null"},
    ]
    assert fields_of(ViolationData, "startTime") == [{"type": "string", "format": "date-time"}, {"type": "null"}]
    given_back = TypeAdapter(VehicleData).json_schema(mode="serialization")["properties"]
    assert given_back["odometer"]["anyOf"] == [{"type": "number"}, {"type": "null"}]


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDENTIFIERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
INSTANTS = st.integers(FIRST_INSTANT, LAST_INSTANT).map(format_time)
FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
VEHICLES = st.none() | st.fixed_dictionaries(
    {
        **dict.fromkeys(VEHICLE_STRINGS, TEXTS),
        "odometer": FLOATS,
        "latitude": st.none() | st.floats(-90, 90),
        "longitude": st.none() | st.floats(-180, 180),
        "eldLocation": st.none() | st.fixed_dictionaries({**dict.fromkeys(ELD_STRINGS, TEXTS), "distance": FLOATS}),
    }
)
DATA = st.fixed_dictionaries(
    {
        **dict.fromkeys(STRINGS, TEXTS),
        "id": IDENTIFIERS,
        "driverId": st.none() | IDENTIFIERS,
        "eventTime": INSTANTS,
        "startTime": st.none() | INSTANTS,
        "endTime": st.none() | INSTANTS,
        "logDate": st.none() | st.dates().map(str),
        "duration": st.none() | st.builds("{}:{:02d}".format, st.integers(0, 9999), st.integers(0, 59)),
        "startData": VEHICLES,
        "endData": VEHICLES,
    }
)


@given(DATA)
def test_what_is_rendered_reads_as_the_same_data(written: dict[str, object]) -> None:
    data = validate(written)
    given_back = orjson.loads(render(data))
    assert given_back == written
    assert validate(given_back) == data
