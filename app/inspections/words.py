"""The closed lists of the dvir-logs page: types of inspection, defects, units, statuses, operations."""

from enum import IntEnum

LOG_TYPES = ("pre_trip", "post_trip", "mechanic", "unknown")
DEFAULT_LOG_TYPE = "unknown"

DEFECTS = (
    *("fluid_levels", "battery", "belts_hoses", "radiator", "frame_assembly", "front_axle", "starter", "transmission"),
    *("oil_pressure", "defroster_heater", "lights_front", "windshield_clean", "windshield_wiper_fluid"),
    *("windshield_wipers", "brakes", "brake_check", "clutch", "mirrors", "horn", "safety_equipment", "trip_recorder"),
    *("air_conditioner", "doors", "stop_arm_control", "steering_wheel", "emergency_door_buzzer", "entrance_steps"),
    *("interior_floor", "windows", "exhaust", "fifth_wheel", "landing_gear", "suspension", "alignment", "rims"),
    *("tires", "tire_chains", "stop_arm", "muffler", "roof", "wheels", "wheels_rims", "suspension_under", "scratches"),
    *("air_compressor", "air_lines", "brake_connections", "coupling_devices", "reflectors", "lights_rear", "rear_end"),
    *("tire_chains_rear", "brake_accessories", "drive_line", "engine", "fuel_tanks", "lights_general", "other"),
    *("unset", "first_aid_kit"),
)

ODOMETER_UNITS = ("m", "km", "mi", "ft", "nmi")

NO_DEFECT, DEFECT_NOTED, DEFECT_CORRECTED = LOG_STATUSES = ("no_defect", "defect_noted", "defect_corrected")

RESOURCE = "dvir_log"
"""What an operation is on."""
CREATE = "create"
"""What it does."""

RESOURCES = (
    *("asset", "driver_association", "driver_vehicle_association", "driver_event_log", "driver_safety_event"),
    *("dvir_log", "dvir_log_defect", "engine_log", "engine_status", "fuel_transaction", "fleet_info"),
    *("hos_availability", "hos_daily_snapshot", "hos_event", "hos_event_annotation", "hos_event_attachment"),
    *("hos_violation", "ifta_summary", "location_segment", "message", "group_message", "user", "vehicle"),
    *("vehicle_location", "vehicle_sensor", "vehicle_region_segment", "trailer", "trailer_association"),
    *("trailer_vehicle_association", "trailer_location", "trailer_status", "workflow"),
)
OPERATION_TYPES = ("create", "update")


class OperationStatus(IntEnum):
    """How an operation stands."""

    PENDING = 0
    SUCCESS = 1
    FAILED = 2

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class ConnectionKind(IntEnum):
    """Where a connection leads."""

    LOCAL = 0
    """Nowhere: inspections are kept here."""
    HTTP = 1
    """To a provider, by POST."""

    @property
    def word(self) -> str:
        """The name on the wire."""
        return self.name.lower()
