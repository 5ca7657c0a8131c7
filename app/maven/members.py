"""The JSON object that a body has to be, or the refusal of the body.

For what is asked of us by fields. Which fields there are, and what is wrong with one, is said by the rooms that have
them.
"""

from app.maven.faults import Fault, WrongFields
from app.maven.ijson import Json, NotJson, read_document


def read_members(body: bytes, wrong: type[WrongFields]) -> dict[str, Json]:
    """The members of the object. Raises `wrong` when the body is no JSON, no I-JSON or no object."""
    try:
        given, faults = read_document(body)
    except NotJson:
        raise wrong([Fault("", "is not JSON.")], is_json=False) from None
    if faults:
        raise wrong([Fault(fault.pointer, f"{fault.detail}.") for fault in faults])
    if not isinstance(given, dict):
        raise wrong([Fault("", "must be an object.")])
    return given
