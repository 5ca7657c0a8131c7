"""Hooks on pages: made, or told what is wrong; tested, switched, retried, deleted; secrets are shown once."""

from collections.abc import Iterator

import pytest
from httpx2 import Response

from app.alerts.rules import GONE_REASON
from app.dashboard.operations.hooks import DELIVERIES_PER_PAGE
from app.dashboard.operations.troubles import troubles
from app.db.statements import Execute, WriteScript
from app.hooks.schema import HookFilter
from app.hooks.store import Hook, all_hooks
from app.inspections.connections import LOCAL_ID
from app.outbox.model import Status
from app.outbox.records import list_records
from tests.command_line import eventually
from tests.dashboard.operating import ADMIN_KEY, Office, Page, office_on, receiver
from tests.databases import Databases
from tests.inspections.samples import report
from tests.maven.examples import flat_event

LIST = "/operations/hooks"
NEW = f"{LIST}/new"
NOWHERE = "http://127.0.0.1:9/hook"
HOSTILE = "<script>alert(1)</script>" + "é" * 60


@pytest.fixture(scope="module")
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with databases.fresh() as url, office_on(url, tmp_path_factory.mktemp("office")) as running:
        yield running


def sent(office: Office, **fields: str | list[str]) -> Response:
    """The answer to the form for a new hook."""
    given: dict[str, str | list[str]] = {"name": "Safety", "url": NOWHERE, **fields}
    return office.operator.send(office.operator.page(NEW).form(NEW), **given)


def ask(office: Office, **fields: str | list[str]) -> Page:
    """The page of a new hook with its secret."""
    return office.operator.read(sent(office, **fields))


def refused(office: Office, **fields: str | list[str]) -> Page:
    """The form again, with what is wrong."""
    return office.operator.read(sent(office, **fields), 422)


def hook_of(office: Office, name: str) -> Hook:
    (found,) = [hook for hook in office.read(all_hooks()) if hook.name == name]
    return found


def made(office: Office, name: str, **fields: str | list[str]) -> Hook:
    ask(office, name=name, **fields)
    return hook_of(office, name)


def test_a_webhook_is_made_and_its_secret_shown_this_once(office: Office) -> None:
    page = ask(
        office,
        name=HOSTILE,
        events=["violation.created", "violation.reopened"],
        terminalCodes="PGH\r\n\r\n CLE ",
        types="shift_drive",
        minDurationMinutes="15",
        egregious="false",
    )
    secret = page.value_of("secret")
    assert secret.startswith("whsec_")
    hook = hook_of(office, HOSTILE)
    assert hook.events == ("violation.created", "violation.reopened")
    assert hook.filter == HookFilter(
        terminalCodes=("PGH", "CLE"), types=("shift_drive",), minDurationMinutes=15, egregious=False
    )
    assert hook.disabled_at is None
    for path in (LIST, f"{LIST}/{hook.id}", f"{LIST}/{hook.id}/delete", f"{LIST}/{hook.id}/rotate-secret"):
        shown = office.operator.page(path)
        assert "<script>alert(1)</script>é" in shown.words
        assert secret not in shown.answer.text
    told = office.operator.page(f"{LIST}/{hook.id}").words
    assert "terminalCodes PGH, CLE" in told
    assert "egregious no" in told
    assert secret not in office.service.served.log
    assert len([line for line in office.logged("hook.created") if hook.id in line and '"by": "admin"' in line]) == 1


def test_a_threshold_and_a_digest_are_made(office: Office) -> None:
    hook = made(
        office,
        "Both",
        events=["violation.created", "driver.threshold"],
        atLeast="3",
        withinDays="7",
        at="07:00",
        zone="America/Chicago",
    )
    assert hook.threshold is not None
    assert hook.digest is not None
    words = office.operator.page(f"{LIST}/{hook.id}").words
    assert "at least 3 active violations of a driver within 7 days" in words
    assert "at 07:00, America/Chicago" in words
    assert made(office, "Threshold", atLeast="3", withinDays="7").events == ("driver.threshold",)


def test_a_hook_of_inspections_is_made(office: Office) -> None:
    form = office.operator.page(NEW).words
    for name in ("dvir_log.added", "resource_operation.succeeded", "resource_operation.failed"):
        assert f" {name} " in form
    hook = made(office, "Shop", events=["dvir_log.added", "resource_operation.failed"], safetyCritical="true")
    assert hook.events == ("dvir_log.added", "resource_operation.failed")
    assert hook.filter == HookFilter(safetyCritical=True)
    words = office.operator.page(f"{LIST}/{hook.id}").words
    assert "Told ofdvir_log.added, resource_operation.failed" in words
    assert "Of which inspections only safety-critical ones" in words.replace("inspectionsonly", "inspections only")
    assert "Of which violations" not in words
    other = made(office, "Yard", events=["violation.created", "dvir_log.added"], safetyCritical="false")
    words = office.operator.page(f"{LIST}/{other.id}").words.replace("inspectionsonly", "inspections only")
    assert "Of which inspections only those that are not safety-critical" in words
    assert "Of which violations" in words
    assert "safetyCritical" not in words
    usual = office.operator.page(f"{LIST}/{made(office, 'Usual').id}").words
    assert "Of which inspections" not in usual


def test_an_inspection_is_delivered_and_shown(office: Office) -> None:
    with receiver(204) as url:
        hook = made(office, "Inspected", url=url, events=["dvir_log.added"])
        answer = office.service.client.post(
            "/v2/telematics/dvir-logs",
            json=report(LOCAL_ID, defects=["brakes"], is_safety_critical=True),
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
        )
        assert answer.status_code == 202, answer.text
        eventually(lambda: len(office.read(list_records(hook.pk, [Status.SUCCEEDED], None, 9))) == 1, "it is delivered")
    (record,) = office.read(list_records(hook.pk, [Status.SUCCEEDED], None, 9))
    assert "dvir_log.added succeeded" in office.operator.page(f"{LIST}/{hook.id}").words
    words = office.operator.page(f"{LIST}/{hook.id}/deliveries/{record.pk}").words
    assert "It was delivered: the receiver answered 204." in words
    assert "Whatdvir_log.added" in words


def test_a_hook_without_a_secret_leads_to_itself(office: Office) -> None:
    form = office.operator.page(NEW).form(NEW)
    fields = [(name, value) for name, value in form.fields if name not in ("name", "url", "kind", "enabled")]
    answer = office.operator.post(NEW, [*fields, ("name", "AM"), ("url", NOWHERE), ("kind", "alertmanager")])
    page = office.operator.follow(answer)
    assert "Kind alertmanager" in page.words.replace("Kindalertmanager", "Kind alertmanager")
    hook = hook_of(office, "AM")
    assert hook.disabled_at is not None
    office.operator.page(f"{LIST}/{hook.id}/rotate-secret", 409)
    answer = office.operator.post(f"{LIST}/{hook.id}/rotate-secret", {"graceHours": "0"})
    assert "has no secret to sign with" in office.operator.read(answer, 409).words


@pytest.mark.parametrize(
    "fields,told",
    [
        ({"name": ""}, "It has a wrong length"),
        ({"name": " \u3000 "}, "It has a wrong length"),
        ({"name": "a\0b"}, "cannot be stored"),
        ({"name": "a\u202eb"}, "must be printable"),
        ({"kind": "pigeon"}, "It must be 'webhook', 'alertmanager' or 'apprise'."),
        ({"url": "ftp://example.com/"}, "http"),
        ({"url": "http://10.0.0.1/"}, "10.0.0.1"),
        ({"url": "http://user:secret@127.0.0.1/"}, "user"),
        ({"kind": "apprise", "url": "nonsense://x"}, ""),
        ({"events": ["violation.created", "violation.lost"]}, "It must be"),
        ({"events": ["driver.threshold"]}, "It is required where events has driver.threshold in it."),
        ({"minDurationMinutes": "abc"}, "It must be a valid integer."),
        ({"minDurationMinutes": "-1"}, "integer"),
        ({"minDurationMinutes": "9" * 30}, "integer"),
        ({"egregious": "perhaps"}, "It must be a valid boolean."),
        ({"terminalCodes": "x" * 1001}, "wrong length"),
        ({"driverIds": "nul\0"}, "cannot be stored"),
        ({"atLeast": "3"}, "It is required."),
        ({"withinDays": "3"}, "It is required."),
        ({"atLeast": "3", "withinDays": "0"}, "greater than or equal to 1"),
        ({"atLeast": "3", "withinDays": "7", "events": ["violation.created"]}, "must have driver.threshold in it"),
        ({"at": "25:00", "zone": "UTC"}, "time of day written HH:MM"),
        ({"at": "07:00"}, "It is required."),
        ({"at": "07:00", "zone": "Mars/Olympus"}, "IANA"),
        ({"at": "07:00", "zone": "UTC", "kind": "alertmanager"}, "not for an Alertmanager"),
        ({"events": ["dvir_log.added"], "kind": "alertmanager"}, "nothing of inspections in it for an Alertmanager"),
        ({"safetyCritical": "true"}, "It is only for hooks that have dvir_log.added in events."),
        ({"events": ["dvir_log.added"], "safetyCritical": "perhaps"}, "It must be a valid boolean."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(
    office: Office, fields: dict[str, str | list[str]], told: str
) -> None:
    before = office.read(all_hooks())
    page = refused(office, **fields)
    assert page.reader.errors
    assert any(told in error for error in page.reader.errors), page.reader.errors
    form = page.form(NEW)
    for name, value in fields.items():
        typed = [known for field, known in form.fields if field == name]
        if name == "events":
            assert typed == [one for one in value if one != "violation.lost"]
        elif value not in ("pigeon", "perhaps"):
            assert typed == [value]
    assert office.read(all_hooks()) == before


def test_a_url_that_is_a_secret_stays_in_the_form_and_is_on_no_other_page(office: Office) -> None:
    url = "json://user:hidden-word@127.0.0.1:9/"
    assert refused(office, kind="apprise", url=url, at="x").form(NEW).get("url") == url
    office.operator.follow(
        office.operator.send(office.operator.page(NEW).form(NEW), name="People", kind="apprise", url=url)
    )
    hook = hook_of(office, "People")
    for path in (LIST, f"{LIST}/{hook.id}"):
        assert "hidden-word" not in office.operator.page(path).answer.text
    assert "hidden-word" not in office.service.served.log


@pytest.mark.parametrize(
    "status,told", [(204, "The test was delivered: the receiver answered 204."), (500, "answered 500")]
)
def test_a_test_tells_how_it_went(office: Office, status: int, told: str) -> None:
    with receiver(status) as url:
        hook = made(office, f"Tested {status}", url=url)
        form = office.operator.page(f"{LIST}/{hook.id}").form(f"{LIST}/{hook.id}/test")
        page = office.operator.follow(office.operator.send(form))
    assert told in page.words
    listed = office.operator.page(f"{LIST}/{hook.id}?status={'succeeded' if status < 300 else 'failed'}")
    assert "hook.test" in listed.words
    assert "No deliveries." in office.operator.page(f"{LIST}/{hook.id}?status=dead").words
    assert len([line for line in office.logged("hook.tested") if hook.id in line and '"by": "admin"' in line]) == 1


def test_a_hook_is_disabled_and_enabled(office: Office) -> None:
    hook = made(office, "Switched")
    switch = f"{LIST}/{hook.id}/switch"
    for enabled, told in (("false", "An administrator disabled it."), ("true", "enabled")):
        form = office.operator.page(f"{LIST}/{hook.id}").form(switch)
        assert form.buttons == [("enabled", enabled)]
        page = office.operator.follow(office.operator.press(form))
        assert told in page.words
        assert (hook_of(office, "Switched").disabled_at is None) is (enabled == "true")
    assert office.operator.post(switch, {"enabled": "maybe"}).status_code == 422
    assert len([line for line in office.logged("hook.changed") if hook.id in line]) == 2


def gone(hook: Hook) -> WriteScript[None]:
    yield Execute(
        "UPDATE hooks SET disabled_at = 1700000000000000, disabled_reason = $2 WHERE pk = $1", (hook.pk, GONE_REASON)
    )


def test_a_delivery_that_was_given_up_is_retried(office: Office) -> None:
    with receiver(204) as url:
        office.operator.send(office.operator.page(NEW).form(NEW), name="Retried", url=url, enabled=[])
        hook = hook_of(office, "Retried")
        office.service.post(flat_event(id="retried"))
        office.write(killed(hook))
        (record,) = office.read(list_records(hook.pk, [Status.DEAD], None, 10))
        path = f"{LIST}/{hook.id}/deliveries/{record.pk}"
        resting = office.operator.page(f"{LIST}/{hook.id}?status=dead")
        assert "<b>no</b>" in resting.words
        assert f"{path}/retry" not in [form.action for form in resting.reader.forms]
        assert "The hook is disabled." in office.operator.read(office.operator.post(f"{path}/retry", {}), 409).words
        switch = resting.form(f"{LIST}/{hook.id}/switch")
        office.operator.press(switch)
        retry = office.operator.page(f"{LIST}/{hook.id}?status=dead").form(f"{path}/retry")
        after = office.operator.follow(office.operator.send(retry))
        assert f"Delivery {record.pk} to Retried" in after.words
        eventually(lambda: "It was delivered" in office.operator.page(path).words, "it is delivered")
    again = office.operator.read(office.operator.send(retry), 409)
    assert "The delivery succeeded." in again.words
    assert len([line for line in office.logged("delivery.retried") if hook.id in line]) == 1


def killed(hook: Hook) -> WriteScript[None]:
    """Makes all deliveries of a hook dead."""
    yield Execute(
        f"UPDATE deliveries SET status = {int(Status.DEAD)}, last_error = '<b>no</b>' WHERE hook_pk = $1", (hook.pk,)
    )


def test_deliveries_are_shown_page_by_page(office: Office) -> None:
    with receiver(204) as url:
        hook = made(office, "Many", url=url)
        for n in range(3):
            office.service.post([flat_event(id=f"many-{n}-{m}") for m in range(20)])
        eventually(
            lambda: len(office.read(list_records(hook.pk, [Status.SUCCEEDED], None, 100))) == 60, "all are delivered"
        )
    shown: list[str] = []
    path: str | None = f"{LIST}/{hook.id}?status=succeeded"
    while path is not None:
        page = office.operator.page(path)
        shown += [link for link in page.reader.links if "/deliveries/" in link]
        path = next((link for link in page.reader.links if "before=" in link), None)
        assert path is None or "status=succeeded" in path
    assert len(shown) == len(set(shown)) == 60 > DELIVERIES_PER_PAGE
    numbers = [int(link.rsplit("/", 1)[1]) for link in shown]
    assert numbers == sorted(numbers, reverse=True)


def test_a_hook_is_deleted_when_that_was_confirmed(office: Office) -> None:
    hook = made(office, "Short-lived")
    page = office.operator.page(f"{LIST}/{hook.id}/delete")
    assert "nothing brings them back" in page.words
    hook_of(office, "Short-lived")
    form = page.form(f"{LIST}/{hook.id}/delete")
    assert hook.id not in office.operator.follow(office.operator.send(form)).answer.text
    office.operator.page(f"{LIST}/{hook.id}", 404)
    office.operator.read(office.operator.send(form), 404)
    assert len([line for line in office.logged("hook.deleted") if hook.id in line]) == 1


def test_a_secret_is_replaced_when_that_was_confirmed(office: Office) -> None:
    old = ask(office, name="Rotated").value_of("secret")
    hook = hook_of(office, "Rotated")
    path = f"{LIST}/{hook.id}/rotate-secret"
    form = office.operator.page(path).form(path)
    assert form.get("graceHours") == "24"
    page = office.operator.read(office.operator.send(form))
    new = page.value_of("secret")
    assert new.startswith("whsec_")
    assert new != old
    assert "The old secret signs along until" in page.words
    assert "Secrets that sign2" in office.operator.page(f"{LIST}/{hook.id}").words
    given_away = office.operator.read(office.operator.send(form, graceHours="0"))
    assert "The old secret does not sign any more." in given_away.words
    for wrong in ("", "-1", "169", "1.5", "x", "9" * 30):
        office.operator.read(office.operator.send(form, graceHours=wrong), 422)
    assert len(hook_of(office, "Rotated").secrets) == 1
    for secret in (old, new):
        assert secret not in office.operator.page(f"{LIST}/{hook.id}").answer.text
        assert secret not in office.service.served.log


def test_a_hook_that_the_service_disabled_is_told_of(office: Office) -> None:
    hook = made(office, "Gone")
    dialect = office.dialect
    assert hook.id not in [one.id for one in office.read(troubles(dialect)).disabled_hooks]
    office.write(gone(hook))
    office.write(killed(hook))
    found = office.read(troubles(dialect))
    assert found.has_any
    assert [(one.name, one.reason) for one in found.disabled_hooks if one.id == hook.id] == [("Gone", GONE_REASON)]
    for path in ("/operations", LIST, f"{LIST}/{hook.id}"):
        assert GONE_REASON in office.operator.page(path).words
    form = office.operator.page(f"{LIST}/{hook.id}").form(f"{LIST}/{hook.id}/switch")
    office.operator.press(form)
    assert hook.id not in [one.id for one in office.read(troubles(dialect)).disabled_hooks]
