"""Examples of duty records, after those of the vendor's page."""

from app.duty_log.data_check import data_check
from app.maven.ijson_grammar import Json

UUID = "96e2d49f-abe4-4a65-a808-5d57917f93d9"


def new_record() -> dict[str, Json]:
    """A record as it is sent."""
    return {
        "userId": 1253132,
        "uuid": UUID,
        "vin": "1M8GDM9AXKP042000",
        "recordStatus": "Active",
        "username": "johndoe@mail.com",
        "eventType": "OnDuty",
        "recordOrigin": "Driver",
        "eventTime": "2016-11-10T01:28:15.229Z",
    }


def record() -> dict[str, Json]:
    """The same as it is kept."""
    sent = new_record()
    return {
        **sent,
        "accountId": 1,
        "driverEdit": False,
        "useCycleReset": True,
        "malfunctionIndicator": False,
        "diagnosticIndicator": False,
        "validBeginTime": sent["eventTime"],
        "dataCheck": data_check(sent, None, None),
        "id": 5160406,
        "lastChangedDate": "2016-11-15T05:05:59.286Z",
    }


def edit() -> dict[str, Json]:
    """An edit of it."""
    return {
        "id": 5160406,
        "eventType": "OffDuty",
        "note": "Went home",
        "editReason": "Incorrect Data Entered",
    }
