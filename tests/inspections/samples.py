"""Inspection reports for tests, and the closed lists of the vendor's page as that page prints them."""

from collections.abc import Iterable, Mapping

from app.maven.ijson_grammar import Json


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


LOG_TYPES = words("pre_trip post_trip mechanic unknown")
UNITS = words("m km mi ft nmi")
STATUSES = words("no_defect defect_noted defect_corrected")
DEFECTS = words(
    """
fluid_levels battery belts_hoses radiator frame_assembly front_axle starter transmission oil_pressure defroster_heater
lights_front windshield_clean windshield_wiper_fluid windshield_wipers brakes brake_check clutch mirrors horn
safety_equipment trip_recorder air_conditioner doors stop_arm_control steering_wheel emergency_door_buzzer
entrance_steps interior_floor windows exhaust fifth_wheel landing_gear suspension alignment rims tires tire_chains
stop_arm muffler roof wheels wheels_rims suspension_under scratches air_compressor air_lines brake_connections
coupling_devices reflectors lights_rear rear_end tire_chains_rear brake_accessories drive_line engine fuel_tanks
lights_general other unset first_aid_kit
    """
)
FIELDS = words(
    """
connection_id driver_id vehicle_id trailer_id occurred_at log_type inspected_by defect_count defects defects_detail
is_safety_critical driver_comment certify_comment odometer odometer_unit certify_date certified_by status
    """
)

Report = dict[str, Json]


def uuid_of(number: int) -> str:
    """A UUID that shows its number."""
    return f"3c90c3cc-0d44-4b50-8888-{number:012x}"


DRIVER, VEHICLE, TRAILER = uuid_of(1), uuid_of(2), uuid_of(3)


def report(connection_id: str, **changes: Json) -> Report:
    """The least report there is, with changes."""
    return {"connection_id": connection_id, "driver_id": DRIVER, **changes}


def full_report(connection_id: str, **changes: Json) -> Report:
    """A report with every field of the page."""
    fields: Report = {
        "connection_id": connection_id,
        "driver_id": DRIVER,
        "vehicle_id": VEHICLE,
        "trailer_id": TRAILER,
        "occurred_at": "2023-11-07T05:31:56Z",
        "log_type": "pre_trip",
        "inspected_by": "Åsa <b>Öberg</b> 🚛",
        "defect_count": 3,
        "defects": ["brakes", "tires"],
        "defects_detail": [{"defect_type": "tires", "is_safety_critical": True, "part": {"axle": 2}, "notes": None}],
        "is_safety_critical": False,
        "driver_comment": "Left rear is bald.",
        "certify_comment": "",
        "odometer": 123456.7,
        "odometer_unit": "mi",
        "certify_date": "2023-11-07T06:00:00.123456Z",
        "certified_by": "mechanic 7",
        "status": "defect_noted",
    }
    assert list(fields) == FIELDS
    return {**fields, **changes}


def without(fields: Mapping[str, Json], *names: str) -> Report:
    """The report without some of its fields."""
    return {name: value for name, value in fields.items() if name not in names}


def pairs(name: str, values: Iterable[Json]) -> list[tuple[str, Json]]:
    """Each value with the field's name."""
    return [(name, value) for value in values]
