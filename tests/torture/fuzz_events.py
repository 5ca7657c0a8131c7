"""Bodies of deliveries made up by a grammar of Maven's events, most of it right and some of it anything.

What is made are bytes of JSON, or nearly: values of other types, numbers no double holds, lone surrogates, names that
come twice, times at the end of time, nesting without end.
"""

import json
import random

PLAIN_IDS = 300
IDS = [
    *(f"v{number}" for number in range(PLAIN_IDS)),
    *(
        "é",
        "e\u0301",
        "V1",
        "v1 ",
        "..",
        ".",
        "%2F",
        "a/b",
        "a?b#c",
        "a b",
        "\U0001f69a",
        "\u2028",
        "'\"<&>",
        "x" * 255,
    ),
    *("null", "0", "true", "-", "a\\b", "events", "\u202egnp", "a;b", "+", "=1+1", "İ"),
]
"""Ids of violations that events speak of."""

DRIVERS = ("JDOE123", "D1", "d1", "a,b", "a/b", "%", "..", "ö", "\U0001f69a", "D" * 255)

_BROKEN = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"tru",
        b"'a'",
        b"undefined",
        b"",
    ),
    *(b"9" * 5000, b"-" + b"9" * 5000, b"0." + b"1" * 5000, b"1e99999999999", b"1e-99999999999", b"[" * 70 + b"]" * 70),
    *(b'{"a":' * 66 + b"1" + b"}" * 66, b"[" * 20_000, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"'),
    *(
        b'"\xed\xa0\x80"',
        b'"\\x"',
        b'"\\u12"',
        b'"a\nb"',
        b'"\x00"',
        b'{"a":1,"a":2}',
        b'{"\\u0061":1,"a":2}',
        b'"open',
    ),
    *(
        b'{"a" 1}',
        b"[1,]",
        b"{,}",
        b"/* */ 1",
        b"\xef\xbb\xbf1",
        b'"\\uffff"',
        b'"\xef\xb7\x90"',
        b'"\xf4\x8f\xbf\xbf"',
    ),
)
"""What JSON, I-JSON or a database cannot have."""

_STRANGE = (
    *(
        b"null",
        b"true",
        b"false",
        b"0",
        b"-0",
        b"-1",
        b"1.5",
        b"5e-324",
        b"1.7976931348623157e308",
        b"9007199254740993",
    ),
    *(b"18446744073709551616", b"[]", b"{}", b"[{}]", b"[{},{}]", b"[[]]", b'""', b'" "', b'"-90"', b'"1e2"', b'"NaN"'),
    *(b'"\\ud83d\\ude9a"', b'"e\\u0301"', b'"\\u202e"', b'"' + b"x" * 256 + b'"', b'"' + b"\xc3\xa9" * 3000 + b'"'),
    *(b'"a\\u0008b"', b'"<script>alert(1)</script>"', b'"\'; DROP TABLE events; --"', b'"%s%n{0}${x}"', b'"=cmd|x!A1"'),
)
"""What is JSON, and mostly not of the type that a field has."""

_TIMES = (
    *("2024-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z"),
    *("2024-01-01T00:00", "2024-02-29T12:00:00.123456789+05:45", "1970-01-01T00:00:00+00:01", "2200-01-01T00:00:00Z"),
    *(
        "2024-02-30T00:00:00Z",
        "2024-01-01",
        "20240101T000000Z",
        "2024-W01-1T00:00Z",
        "2024-01-01T24:00:00Z",
        "0000-00-00",
    ),
    *("2024-01-01t00:00:00z", "2024-01-01T00:00:00-23:59", "9999-12-31T23:59:59Z", "-2024-01-01T00:00:00Z", "now", ""),
)
_TEXTS = (
    "",
    " ",
    "Doe, John",
    "Zoë",
    "İıſß",
    "\U0001f69a" * 20,
    "a\u0301",
    "%_\\",
    "\t",
    "0",
    "null",
    "\u200b",
    "x" * 2000,
)
_VEHICLES: tuple[object, ...] = (
    *({}, [], [{}], {"latitude": 90, "longitude": -180}, {"latitude": "40.5", "odometer": 1e300, "city": "Łódź"}),
    *({"eldLocation": {"jurisdiction": "PA", "formattedLocation": "3 mi SSE PA"}, "state": "PA"}, {"odometer": "-0"}),
    *(
        {"latitude": 90.0000001},
        {"latitude": True},
        {"eldLocation": {"distance": "1e400"}},
        [{"eldLocation": [{}, {}]}],
    ),
)
_VALUES: dict[str, tuple[tuple[object, ...], int]] = {
    "driverId": (DRIVERS, len(DRIVERS)),
    "type": (("shift_drive", "Break", "cycle", *_TEXTS[:4]), 7),
    "terminalCode": (("PGH", "CLE", None, "", "a,b", "\U0001f69a"), 6),
    "ruleset": (("USA_PROPERTY_70_8", "Texas", None, "california"), 4),
    "logDate": (("2024-01-01", "2024-02-29", None, "1970-01-01", "2023-02-29", "2024-1-1"), 4),
    "duration": (("3:30", "03:01", "0:00", "9999:59", None, "3:60", "10000:00", "-1:00"), 5),
    "startData": (_VEHICLES, 7),
    "endData": (_VEHICLES, 7),
    "eldLocation": (_VEHICLES, 7),
}
"""Values of fields, and how many of them, the first, are right."""


def _value(chance: random.Random, name: str) -> object:
    """A value for a field, mostly a right one."""
    if name == "id":
        return chance.choice(IDS) if chance.random() < 0.2 else IDS[chance.randrange(PLAIN_IDS)]
    if name in ("eventTime", "startTime", "endTime"):
        if chance.random() < 0.95:
            return f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randrange(24):02}:00:00Z"
        return chance.choice(_TIMES)
    values, right = _VALUES.get(name, (_TEXTS, len(_TEXTS)))
    return chance.choice(values[:right] if chance.random() < 0.98 else values)


_NEEDED = ("id", "eventTime", "driverId", "type", "startTime")
_OTHERS = (
    *("terminalCode", "logDate", "driverName", "ruleset", "powerUnitNumber", "shortDescription", "longDescription"),
    *("endTime", "duration", "startData", "endData", "note", "eldLocation", "__proto__", "eventType", "data", "\u00e9"),
)


def make_event(chance: random.Random) -> bytes:
    """One event, or something in its place."""
    names = [name for name in _NEEDED if chance.random() < 0.995]
    names += chance.sample(_OTHERS[:12], chance.randint(0, 6))
    if chance.random() < 0.1:
        names += chance.choices(_OTHERS, k=2)  # some come twice
    members: list[bytes] = []
    share = chance.choice((0.0, 0.0, 0.0, 0.0, 0.03, 0.3))
    for name in names:
        if chance.random() < share:
            token = chance.choice(_BROKEN if chance.random() < 0.4 else _STRANGE)
        else:
            token = _text(chance, _value(chance, name))
        members.append(b"%b:%b" % (_text(chance, name), token))
    event_type = b'"eventType":' + _text(
        chance,
        chance.choice(("violationCreated",) * 12 + ("violationInvalidated",) * 7 + ("driverLoggedIn", "", 7, None)),
    )
    if chance.random() < 0.5:
        chance.shuffle(members)
    match chance.randrange(12):
        case 0 | 1 | 2:
            inner = b"{%b}" % b",".join(members)
            return b'{"id":%b,%b,"timestamp":"2024-01-01T00:00:00Z","data":%b}' % (
                chance.choice((b'"e-1"', b"7", b"null", b'"\\ud800"', b"[]", b"1e400")),
                event_type,
                inner,
            )
        case 3 if chance.random() < 0.3:
            return chance.choice(_BROKEN + _STRANGE)
        case _:
            return b"{%b}" % b",".join([event_type, *members])


def _text(chance: random.Random, value: object) -> bytes:
    return json.dumps(value, ensure_ascii=chance.random() < 0.3).encode()


def make_body(chance: random.Random) -> bytes:
    """The body of a delivery: an event, an array, a page, pages in pages; a few of its bytes changed now and then."""
    match chance.randrange(12):
        case 0 | 1:
            body = b"[%b]" % b",".join(make_event(chance) for _ in range(chance.choice((0, 1, 2, 3, 8))))
        case 2:
            events = b",".join(make_event(chance) for _ in range(chance.choice((0, 1, 2, 5))))
            body = b'{"events":[%b],"pagination":{"nextPageStartTime":"%b","hasNextPage":%b}}' % (
                events,
                chance.choice((b"2024-01-01T00:00:01Z", b"", b"x")),
                chance.choice((b"true", b"false", b"null", b"7")),
            )
        case 3 if chance.random() < 0.3:
            body = make_event(chance)
            for _ in range(chance.choice((1, 3, 70))):
                body = b'{"events":[%b]}' % body if chance.random() < 0.5 else b"[%b]" % body
        case _:
            body = make_event(chance)
    if chance.random() < 0.04:
        body = mutated(chance, body)
    return body


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Bytes with some of them changed, taken out, repeated or put in."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del changed[place : place + chance.choice((1, 2, 50))]
            case 2:
                changed[place:place] = changed[max(0, place - chance.choice((1, 20))) : place]
            case _:
                changed[place:place] = chance.choice((b'"', b"\\", b"{", b"}", b"]", b"\x00", b"\xc3", b",", b"\r\n"))
    return bytes(changed)
