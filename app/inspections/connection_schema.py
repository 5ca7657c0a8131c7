"""A connection on the wire: what may be asked for, and what is wrong with what was asked (contract section 10)."""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.hooks.schema import Name, Word, read_body
from app.inspections.schema import FIELDS
from app.maven import checks
from app.maven.faults import Fault, WrongFields, excerpt

MOST_URL = 2083
MOST_MAPPED = 100
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TAKEN = ("host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key")


def _header_name(name: str) -> str:
    if _TOKEN.fullmatch(name) is None or name.lower() in _TAKEN:
        raise checks.refusal("must be the name of a header that is free to choose, such as x-api-key.")
    return name


def _header_value(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise checks.refusal("must be printable ASCII, as it is sent in a header.")
    if value != value.strip():
        raise checks.refusal("must not begin or end with a blank, which no header keeps.")
    return value


def _username(name: str) -> str:
    if ":" in name:
        raise checks.refusal("must not have a colon in it: by HTTP Basic the first one ends the name.")
    return name


def _field(name: str) -> str:
    if name not in FIELDS:
        raise checks.refusal(f"must name fields of an inspection report: {', '.join(FIELDS)}.")
    return name


Secret = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_header_value)]
_CONFIG = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bearer(BaseModel):
    """`Authorization: Bearer`."""

    model_config = _CONFIG
    type: Literal["bearer"]
    token: Secret


class Basic(BaseModel):
    """`Authorization: Basic`."""

    model_config = _CONFIG
    type: Literal["basic"]
    username: Annotated[str, Field(max_length=255), AfterValidator(_username)]
    password: Annotated[str, Field(max_length=4000)]


class Header(BaseModel):
    """A header of the provider's own."""

    model_config = _CONFIG
    type: Literal["header"]
    name: Annotated[str, AfterValidator(_header_name)]
    value: Secret


def _distinct(mapping: dict[str, str | None]) -> dict[str, str | None]:
    sent = (mapping.get(name, name) for name in FIELDS)
    names = [name for name in sent if name is not None]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise checks.refusal(f"must not give two fields the name {excerpt(twice)}.")
    return mapping


Credentials = Annotated[Bearer | Basic | Header, Field(discriminator="type")]
Mapped = Annotated[
    dict[Annotated[str, AfterValidator(_field)], Annotated[Word, Field(max_length=100)] | None],
    Field(max_length=MOST_MAPPED),
    AfterValidator(_distinct),
]
Url = Annotated[str, Field(min_length=1, max_length=MOST_URL)]


class NewConnection(BaseModel):
    """A connection to make."""

    model_config = _CONFIG
    name: Name = Field(description="A name for people.")
    kind: Literal["local", "http"] = Field(description="`local`: kept here only. `http`: forwarded to `url` by POST.")
    url: Url | None = Field(None, description="Where to; for kind http, and only for it.")
    method: Literal["POST"] | None = Field(None, description="Always POST.")
    credentials: Credentials | None = Field(None, description="What the provider wants to see; never shown again.")
    mapping: Mapped = Field({}, description="The provider's names for fields; null leaves a field out.")
    fleet_ref: Word | None = Field(None, description="The fleet, in your words.")
    source_name: Word | None = Field(None, description="The provider, in your words.")


class ConnectionChanges(BaseModel):
    """What is to be otherwise; what is left out stays."""

    model_config = _CONFIG
    name: Name | None = Field(None, description="A name for people.")
    url: Url | None = Field(None, description="Where to.")
    credentials: Credentials | None = Field(None, description="What the provider wants to see; null for nothing.")
    mapping: Mapped | None = Field(None, description="The provider's names for fields; null for none.")
    fleet_ref: Word | None = Field(None, description="The fleet, in your words.")
    source_name: Word | None = Field(None, description="The provider, in your words.")


_TYPES: dict[str, type[BaseModel]] = {"bearer": Bearer, "basic": Basic, "header": Header}
T = TypeVar("T", bound=BaseModel)


def read_connection(model: type[T], body: bytes) -> T:
    """A JSON body as `model`, one of the two above. Raises `WrongFields`, which points at what was sent."""
    try:
        return read_body(model, body)
    except WrongFields as error:
        raise WrongFields([_plain(fault) for fault in error.faults], is_json=error.is_json) from None


def _plain(fault: Fault) -> Fault:
    """Without what only the reader knows: the type of credentials that it chose, and that a name is wrong."""
    if fault.pointer == "/credentials" and fault.detail != "must be an object.":
        return Fault("/credentials/type", f"must be one of {', '.join(_TYPES)}.")
    if fault.pointer.startswith("/mapping/"):
        return Fault(fault.pointer.removesuffix("/[key]"), fault.detail)
    match fault.pointer.split("/", 3):
        case "", "credentials", chosen, rest if chosen in _TYPES:
            is_unknown = fault.detail.startswith("is not known.")
            known = f"is not known. The fields here are {', '.join(_TYPES[chosen].model_fields)}."
            return Fault(f"/credentials/{rest}", known if is_unknown else fault.detail)
    return fault
