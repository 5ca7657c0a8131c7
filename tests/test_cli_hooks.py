"""`hos-receiver hooks`: what each command does and prints, and its one clear line when it cannot."""

import json
import re

import pytest

from tests.command_line import Call, caller

URL = "http://127.0.0.1:9/hook"
LOCAL = {"HOS_HOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def made(call: Call, *more: str) -> str:
    """A new hook's id."""
    answer = call("hooks", "create", "Safety desk", URL, *more, **LOCAL)
    assert answer.exit_code == 0, answer.output
    found = re.search(r"hook_[0-9a-f]{20}", answer.stdout)
    assert found is not None
    return found[0]


def shown(call: Call, hook_id: str) -> dict[str, object]:
    answer = call("hooks", "show", hook_id)
    assert answer.exit_code == 0, answer.output
    hook: dict[str, object] = json.loads(answer.stdout)
    return hook


def test_create_prints_the_secret_alone_on_the_last_line(call: Call) -> None:
    answer = call("hooks", "create", "Safety desk", URL, **LOCAL)
    assert answer.exit_code == 0
    *_, secret = answer.stdout.splitlines()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+=*", secret)
    assert answer.stdout.count("whsec_") == 1
    assert "whsec_" not in call("hooks", "list").output


def test_every_option_is_kept(call: Call) -> None:
    hook_id = made(
        call,
        *("--event", "violation.created", "--event", "driver.threshold", "--terminal", "DAL", "--terminal", "PGH"),
        *("--type", "shift_drive", "--ruleset", "USA_PROPERTY_70_8", "--driver", "D1", "--min-minutes", "60"),
        *("--egregious", "--at-least", "3", "--within-days", "7", "--digest-at", "07:00", "--zone", "America/Chicago"),
    )
    hook = shown(call, hook_id)
    assert hook["events"] == ["violation.created", "driver.threshold"]
    assert hook["filter"] == {
        "terminalCodes": ["DAL", "PGH"],
        "types": ["shift_drive"],
        "rulesets": ["USA_PROPERTY_70_8"],
        "driverIds": ["D1"],
        "minDurationMinutes": 60,
        "egregious": True,
    }
    assert hook["threshold"] == {"atLeast": 3, "withinDays": 7, "per": "driver"}
    assert hook["digest"] == {"at": "07:00", "zone": "America/Chicago"}


def test_inspections_may_be_asked_for(call: Call) -> None:
    hook_id = made(call, "--event", "dvir_log.added", "--event", "resource_operation.failed", "--safety-critical")
    hook = shown(call, hook_id)
    assert hook["events"] == ["dvir_log.added", "resource_operation.failed"]
    assert hook["filter"] == {"safetyCritical": True}
    assert "\tdvir_log.added,resource_operation.failed\t" in call("hooks", "list").stdout
    assert call("hooks", "change", hook_id, "--not-safety-critical").exit_code == 0
    assert shown(call, hook_id)["filter"] == {"safetyCritical": False}
    answer = call("hooks", "create", "x", URL, "--safety-critical", **LOCAL)
    assert answer.exit_code == 1
    assert "safetyCritical is only for hooks that have dvir_log.added in events." in answer.stderr


def test_a_hook_is_listed_changed_disabled_enabled_and_deleted(call: Call) -> None:
    hook_id = made(call, "--terminal", "DAL")
    assert call("hooks", "list").stdout.split("\t")[:3] == [hook_id, "Safety desk", "webhook"]
    assert call("hooks", "change", hook_id, "--name", "Night desk", "--no-filter").exit_code == 0
    assert (shown(call, hook_id)["name"], shown(call, hook_id)["filter"]) == ("Night desk", {})
    assert call("hooks", "disable", hook_id).exit_code == 0
    assert shown(call, hook_id)["enabled"] is False
    assert call("hooks", "enable", hook_id).exit_code == 0
    assert shown(call, hook_id)["enabled"] is True
    assert call("hooks", "delete", hook_id, "--yes").exit_code == 0
    answer = call("hooks", "list")
    assert (answer.stdout, answer.stderr) == ("", "There are no hooks.\n")


def test_a_test_that_fails_says_why(call: Call) -> None:
    hook_id = made(call)
    answer = call("hooks", "test", hook_id, **LOCAL)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("hos-receiver: the test failed: ")
    listed = call("hooks", "deliveries", hook_id)
    assert "hook.test" in listed.stdout
    assert "\tfailed\t1 attempts\t" in listed.stdout
    (line,) = call("hooks", "deliveries", hook_id, "--json", "--status", "failed").stdout.splitlines()
    delivery = json.loads(line)
    assert call("hooks", "retry", hook_id, delivery["id"]).exit_code == 0
    assert call("hooks", "deliveries", hook_id, "--status", "failed").stdout == ""


def test_rotation_prints_the_new_secret_alone(call: Call) -> None:
    hook_id = made(call)
    answer = call("hooks", "rotate-secret", hook_id)
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[-1].startswith("whsec_")
    assert "signs along until" in answer.stdout
    answer = call("hooks", "rotate-secret", hook_id, "--grace-hours", "0")
    assert "signs no more" in answer.stdout


def test_a_replay_says_how_many(call: Call) -> None:
    hook_id = made(call)
    answer = call("hooks", "replay", hook_id, "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z")
    assert (answer.exit_code, answer.stdout) == (0, "0 deliveries wait to be sent by serve.\n")
    answer = call("hooks", "replay", hook_id, "--from", "yesterday", "--to", "2026-01-02T00:00:00Z")
    assert answer.exit_code == 1
    assert "from must be an ISO 8601 date and time" in answer.stderr


@pytest.mark.parametrize(
    "arguments,status,line",
    [
        (("create", "x", "http://10.0.0.1/"), 1, "url"),
        (("create", "x", "ftp://example.com/"), 1, "http:// or https://"),
        (("create", "x", URL, "--kind", "fax"), 1, "kind"),
        (("create", "x", URL, "--at-least", "3"), 2, "belong together"),
        (("show", "hook_none"), 1, "there is no such hook; see: hos-receiver hooks list"),
        (("delete", "hook_none", "--yes"), 1, "there is no such hook"),
        (("test", "hook_none"), 1, "there is no such hook"),
        (("retry", "hook_none", "x"), 1, "no such delivery"),
        (("change", "hook_none"), 2, "say what to change"),
        (("deliveries", "hook_none", "--status", "lost"), 2, "must be one of pending, succeeded, failed, dead"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(call: Call, arguments: tuple[str, ...], status: int, line: str) -> None:
    answer = call("hooks", *arguments, **LOCAL)
    assert answer.exit_code == status, answer.output
    assert line in answer.stderr
    if status == 1:
        assert len(answer.stderr.splitlines()) == 1


def test_deleting_asks_first(call: Call) -> None:
    hook_id = made(call)
    answer = call("hooks", "delete", hook_id)
    assert answer.exit_code == 1
    assert hook_id in call("hooks", "list").stdout
