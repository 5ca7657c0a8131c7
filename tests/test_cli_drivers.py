"""`drivers` as an operator calls it: files taken in whole or not at all, what is said of wrong ones, and the list."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.identities.schema import GivenAsset, GivenDriver, GivenTerminal, GivenVehicle
from tests.command_line import SECONDS, Call, caller, environment
from tests.ingest.served import service_on

DRIVER_FIELDS = ", ".join(GivenDriver.model_fields)
ASSET_FIELDS = ", ".join(GivenAsset.model_fields)
TERMINAL_FIELDS = ", ".join(GivenTerminal.model_fields)
VEHICLE_FIELDS = ", ".join(GivenVehicle.model_fields)
UUID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"

LONG = "x" * 256
TWICE = "appears more than once in its object; the names in an object must be unique"
ELSE = "something else stands there"
WHOLE = "D1\t7\tjdoe\tC1\tJane Doe Jr\tPGH\tAmerica/New_York\tnoon\tUSA_PROPERTY_70_8\n"
COLUMNS = "driverId,userId,username,catenaDriverId,firstName,lastName,suffix,terminalCode,timeZone,logDayStart,ruleset"
CELLS = "D1,7,jdoe,C1,Jane,Doe,Jr,PGH,America/New_York,noon,USA_PROPERTY_70_8"

Keep = Callable[[str, str | bytes], str]


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Writes a file where commands look for it, and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: str | bytes) -> str:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return write


def imported(call: Call, *arguments: str) -> str:
    """What an import that has to succeed prints."""
    result = call("drivers", "import", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(call: Call, *arguments: str) -> list[str]:
    """What is said of an import that has to fail, without the program's name; nothing of it is kept."""
    before = call("drivers", "list").stdout
    result = call("drivers", "import", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert call("drivers", "list").stdout == before
    lines = result.stderr.splitlines()
    assert all(line.startswith("hos-receiver: ") for line in lines)
    return [line.removeprefix("hos-receiver: ") for line in lines]


def test_an_empty_list_says_so(call: Call) -> None:
    listed = call("drivers", "list")
    assert (listed.exit_code, listed.stdout, listed.stderr) == (0, "", "There are no drivers.\n")


@pytest.mark.parametrize(
    "content",
    [
        f"{COLUMNS}\n{CELLS}\n",
        f"\ufeff{COLUMNS}\r\n{CELLS}\r\n\r\n,,,,,,,,,,\r\n",
        f"{COLUMNS}\n{CELLS}".replace(",", ";"),
        f"{COLUMNS}\n{CELLS}\n".replace(",", "\t"),
        "\n suffix , " + COLUMNS.replace(",suffix", "") + "\nJr," + CELLS.replace(",Jr", " ") + "\n",
        "".join(f'"{cell}"' + ("," if cell != "ruleset" else "\n") for cell in COLUMNS.split(",")) + CELLS,
    ],
    ids=["comma", "byte order mark and blank rows", "semicolon", "tab", "other order and space", "quotes"],
)
def test_csv_of_every_kind(call: Call, keep: Keep, content: str) -> None:
    assert imported(call, keep("d.csv", content)) == "Registered 1 driver (1 new, 0 merged).\n"
    listed = call("drivers", "list")
    assert (listed.exit_code, listed.stdout, listed.stderr) == (0, WHOLE, "")


def test_an_empty_cell_leaves_what_was_known(call: Call, keep: Keep) -> None:
    imported(call, keep("d.csv", f"{COLUMNS}\n{CELLS}\n"))
    keep("d.csv", 'driverId;userId;firstName\nD1;;\n"D2; ""x""\n2";+8;Z\u00eb\n')
    assert imported(call, "d.csv") == "Registered 2 drivers (1 new, 0 merged).\n"
    other = 'D2; "x"\ufffd2\t8\t-\t-\tZ\u00eb\t-\t-\t-\t-\n'
    assert call("drivers", "list").stdout == WHOLE + other


def test_json_of_drivers_or_of_everything(call: Call, keep: Keep) -> None:
    keep("d.json", json.dumps([{"userId": 7, "username": "jdoe"}, {"driverId": "D1"}]))
    assert imported(call, "d.json") == "Registered 2 drivers (2 new, 0 merged).\n"
    driver = dict(zip(COLUMNS.split(","), CELLS.split(","), strict=True)) | {"userId": 7}
    everything = {
        "drivers": [driver],
        "assets": [{"assetId": 1, "name": "T1", "vin": None}, {"assetId": 2, "homeTerminalId": 3}],
        "terminals": [{"homeTerminalId": 3, "code": "PGH", "name": "Pittsburgh", "timeZone": "America/New_York"}],
        "vehicles": [{"vehicleId": UUID, "name": "T1", "terminalCode": None}],
    }
    keep("all.json", "\ufeff \n" + json.dumps(everything))
    assert imported(call, "all.json") == "Registered 1 driver (0 new, 1 merged), 2 assets, 1 terminal, 1 vehicle.\n"
    assert call("drivers", "list").stdout == WHOLE
    assert imported(call, keep("none.json", '{"assets": []}')) == "Registered 0 assets.\n"
    assert imported(call, keep("none.json", "{}")) == "Registered nothing.\n"


def test_assets_and_terminals_have_files_of_their_own(call: Call, keep: Keep) -> None:
    assets = keep("a.csv", "assetId,name,vin,homeTerminalId\n1,T1,V1,3\n2,T2,,\n")
    terminals = keep("t.json", '{"terminals": [{"homeTerminalId": 3, "code": "PGH"}]}')
    said = "Registered 2 assets, 1 terminal.\n"
    assert imported(call, "--assets", assets, "--terminals", terminals) == said
    drivers = keep("d.csv", "driverId\nD1\n")
    assert imported(call, drivers, "--assets", assets) == "Registered 1 driver (1 new, 0 merged), 2 assets.\n"


def test_vehicles_of_catena_have_a_file_of_their_own(call: Call, keep: Keep) -> None:
    rows = f"{UUID},T1,PGH\n{UUID.replace('c', 'd').upper()},,\n"
    vehicles = keep("v.csv", f"vehicleId,name,terminalCode\n{rows}")
    assert imported(call, "--vehicles", vehicles, "--dry-run") == "Would register 2 vehicles.\n"
    assert imported(call, "--vehicles", vehicles) == "Registered 2 vehicles.\n"
    drivers = keep("d.csv", "driverId\nD1\n")
    keep("v.json", json.dumps([{"vehicleId": UUID.upper(), "terminalCode": ""}]))
    said = "Registered 1 driver (1 new, 0 merged), 1 vehicle.\n"
    assert imported(call, drivers, "--vehicles", "v.json") == said


def test_what_is_said_of_wrong_vehicles_of_catena(call: Call, keep: Keep) -> None:
    uuid = "vehicleId must be a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a"
    keep("v.csv", f"vehicleId,name,terminalCode\nT1,T1,\n,T2,PGH\n{UUID},{LONG},\n")
    drivers = keep("d.csv", "driverId\nD1\n")
    assert refused(call, drivers, "--vehicles", "v.csv") == [
        f'v.csv, line 2: {uuid}, not "T1".',
        "v.csv, line 3: vehicleId is required.",
        "v.csv, line 4: name must be text of 1 to 255 characters.",
    ]
    keep("v.csv", "vehicleId,vin\n")
    wrong = f'v.csv, line 1: has the column "vin", which is not known. The columns here are {VEHICLE_FIELDS}.'
    assert refused(call, "--vehicles", "v.csv") == [wrong]
    keep("v.json", '{"vehicles": [{"vehicleId": 1}], "assets": []}')
    assert refused(call, "--vehicles", "v.json") == [
        f"v.json, vehicles item 1: {uuid}.",
        'v.json, "assets": is not known. The members here are vehicles.',
    ]
    keep("v.csv", f"vehicleId,name\n{UUID},T1\n{UUID.upper()},T2\n")
    said = ['v.csv, line 3: name is "T2" here and "T1" in v.csv, line 2, for the same vehicle.']
    assert refused(call, drivers, "--vehicles", "v.csv") == said


def test_a_dry_run_counts_and_writes_nothing(call: Call, keep: Keep) -> None:
    name = keep("d.csv", "driverId,userId\nD1,1\nD2,2\n")
    assert imported(call, name, "--dry-run") == "Would register 2 drivers (2 new, 0 merged).\n"
    assert call("drivers", "list").stdout == ""
    imported(call, name)
    wrong = keep("e.csv", "driverId,userId\nD1,2\n")
    said = ['e.csv, line 2: userId 2 belongs to another driver: driverId "D2", userId 2.']
    assert refused(call, wrong, "--dry-run") == said == refused(call, wrong)


@pytest.mark.parametrize(
    "content, said",
    [
        ("", [f"d.csv: is empty. Its first line has names of columns: {DRIVER_FIELDS}."]),
        (" \n\n", [f"d.csv: is empty. Its first line has names of columns: {DRIVER_FIELDS}."]),
        (b"driverId\n\xff\n", ["d.csv: is not UTF-8 at byte 9. Save it as UTF-8."]),
        ("driverId\nD1\n".encode("utf-16"), ["d.csv: is not UTF-8 at byte 0. Save it as UTF-8."]),
        (
            "\ndriverId,name,\nD1,x,\n",
            [
                f'd.csv, line 2: has the column "name", which is not known. The columns here are {DRIVER_FIELDS}.',
                f"d.csv, line 2: has a column without a name. The columns here are {DRIVER_FIELDS}.",
            ],
        ),
        ("driverId,userId,driverId\n", ["d.csv, line 1: driverId stands there twice."]),
        (
            "driverId,userId\nD1\n\nD2,1,\nD3,1\n",
            [
                "d.csv, line 2: has another number of cells than the header: 1 instead of 2.",
                "d.csv, line 4: has another number of cells than the header: 3 instead of 2.",
            ],
        ),
        (
            f'driverId,userId,timeZone\nD1,12a,UTC\n{LONG},1,x/y\n,,UTC\n"D\n2",9223372036854775808,\nD3,1.0,\n',
            [
                'd.csv, line 2: userId must be a whole number of 64 bits, not "12a".',
                "d.csv, line 3: driverId must be text of 1 to 255 characters.",
                'd.csv, line 3: timeZone must be a time zone by its IANA name, such as America/Chicago, not "x/y".',
                "d.csv, line 4: must have a driverId, a userId or a catenaDriverId.",
                "d.csv, line 5: userId must be a whole number of 64 bits.",
                'd.csv, line 7: userId must be a whole number of 64 bits, not "1.0".',
            ],
        ),
        ("driverId,logDayStart\nD1,6\n", ['d.csv, line 2: logDayStart must be midnight or noon, not "6".']),
        (
            "driverId\nD\0\n\ufffe\n",
            [
                f"d.csv, line {line}: driverId contains a character that cannot be stored: NUL, a lone surrogate or a"
                " noncharacter."
                for line in (2, 3)
            ],
        ),
        ('driverId\nD1\n"D2\n', ["d.csv, line 3: is no CSV: unexpected end of data."]),
        ('driverId\n"D"1\n', ["d.csv, line 2: is no CSV: ',' expected after '\"'."]),
        (
            "driverId,username\nD1,unidentifiedDriver\n",
            ["d.csv, line 2: username is that of unidentifiedDriver, who is nobody and can have no driverId."],
        ),
        (
            "driverId,userId\nD1,1\nD2,1\nD1,2\n",
            [
                'd.csv, line 3: userId 1 belongs to another driver: driverId "D1", userId 1.',
                "d.csv, line 4: userId is 2 here and 1 in d.csv, line 2, for the same driver.",
            ],
        ),
    ],
)
def test_what_is_said_of_wrong_csv(call: Call, keep: Keep, content: str | bytes, said: list[str]) -> None:
    assert refused(call, keep("d.csv", content)) == said


@pytest.mark.parametrize(
    "content, said",
    [
        ("[", ["d.json: is not JSON: at line 1, column 2, a value was expected, but the file ends."]),
        ("[] 1", [f"d.json: is not JSON: at line 1, column 4, the end of the file was expected, but {ELSE}."]),
        (
            '[7, {"driverId": "D1", "nick": 1}]',
            [
                "d.json, item 1: must be an object.",
                f"d.json, item 2: nick is not known. The fields here are {DRIVER_FIELDS}.",
            ],
        ),
        ('[{}, {"driverId": "D", "driverId": "E"}]', [f"d.json, item 2: driverId {TWICE}."]),
        ('{"assets": [{"name": 1, "name": 2}]}', [f"d.json, assets item 1: name {TWICE}."]),
        (f'{{"{LONG}": 1, "{LONG}": 1}}', [f"d.json: {TWICE}."]),
        ('{"assets": [], "assets": 1}', [f"d.json, assets: {TWICE}."]),
        (
            '[{"driverId": "\\ud800"}]',
            ["d.json, item 1: driverId contains the lone surrogate U+D800, which is not allowed."],
        ),
        ('["\\ud800"]', ["d.json, item 1: contains the lone surrogate U+D800, which is not allowed."]),
        (
            '{"drivers": {}, "trucks": [], "assets": [{"name": true}], "terminals": [{"homeTerminalId": "1"}]}',
            [
                "d.json, drivers: must be an array.",
                'd.json, "trucks": is not known. The members here are drivers, assets, terminals, vehicles.',
                "d.json, assets item 1: assetId is required.",
                "d.json, assets item 1: name must be text of 1 to 255 characters.",
                'd.json, terminals item 1: homeTerminalId must be a whole number of 64 bits, not "1".',
            ],
        ),
        (
            '[{"driverId": 1, "userId": true, "timeZone": [], "logDayStart": 0}]',
            [
                "d.json, item 1: driverId must be text of 1 to 255 characters.",
                "d.json, item 1: userId must be a whole number of 64 bits.",
                "d.json, item 1: timeZone must be text of 1 to 255 characters.",
                "d.json, item 1: logDayStart must be midnight or noon.",
            ],
        ),
    ],
)
def test_what_is_said_of_wrong_json(call: Call, keep: Keep, content: str, said: list[str]) -> None:
    assert refused(call, keep("d.json", content)) == said


def test_files_of_vehicles_and_terminals_have_their_own_columns(call: Call, keep: Keep) -> None:
    keep("x.csv", "driverId\nD1\n")
    wrong = 'x.csv, line 1: has the column "driverId", which is not known. The columns here are'
    assert refused(call, "--assets", "x.csv", "--terminals", "x.csv") == [
        f"{wrong} {ASSET_FIELDS}.",
        f"{wrong} {TERMINAL_FIELDS}.",
    ]
    keep("x.json", '{"drivers": []}')
    said = ['x.json, "drivers": is not known. The members here are assets.']
    assert refused(call, "--assets", "x.json") == said
    keep("a.csv", "assetId,name\n1,T1\n1,T2\n")
    said = ['a.csv, line 3: name is "T2" here and "T1" in a.csv, line 2, for the same vehicle.']
    assert refused(call, "--assets", "a.csv") == said


def test_twenty_errors_are_told(call: Call, keep: Keep) -> None:
    keep("d.csv", "driverId,userId\n" + "D,x\n" * 33)
    lines = refused(call, "d.csv")
    assert lines[:20] == [f'd.csv, line {n}: userId must be a whole number of 64 bits, not "x".' for n in range(2, 22)]
    assert lines[20:] == ["and 13 more"]


def test_what_cannot_be_read(call: Call, keep: Keep) -> None:
    assert refused(call, "none.csv") == ["cannot read none.csv: No such file or directory"]
    assert refused(call, "--assets", ".") == ["cannot read .: Is a directory"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "say what to register: FILE, --assets, --terminals or --vehicles"),
        (["--dry-run"], "say what to register: FILE, --assets, --terminals or --vehicles"),
        (["-", "--assets", "-"], "standard input can be read once only"),
    ],
)
def test_wrong_usage(call: Call, arguments: list[str], said: str) -> None:
    result = call("drivers", "import", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_it_reads_standard_input(sqlite_url: str, tmp_path: Path) -> None:
    for content, status, out, errors in (
        ("driverId\nD1\n", 0, "Registered 1 driver (1 new, 0 merged).\n", ""),
        ("[1]", 1, "", "hos-receiver: standard input, item 1: must be an object.\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "app", "drivers", "import", "-"],
            cwd=tmp_path,
            env=environment(HOS_DATABASE_URL=sqlite_url),
            input=content,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (status, out, errors)


def test_it_works_beside_a_server(database_url: str, call: Call, keep: Keep, tmp_path: Path) -> None:
    rows = "".join(f"D{n},{n}\n" for n in range(500))
    with service_on(database_url, tmp_path) as service:
        said = "Registered 500 drivers (500 new, 0 merged).\n"
        assert imported(call, keep("d.csv", f"driverId,userId\n{rows}")) == said
        assert service.get("/readyz").status_code == 200
        assert len(call("drivers", "list").stdout.splitlines()) == 500
