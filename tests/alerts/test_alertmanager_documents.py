"""Alerts as an Alertmanager takes them: a real one says what it makes of each document."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.alerts import alertmanager
from app.alerts.alertmanager import alerts_url, body_of, firing, labels_of, resolved
from app.clock import now as clock
from app.maven.schema import ViolationData, validate
from app.maven.times import FIRST_INSTANT, LAST_INSTANT, MINUTE, SECOND, format_time
from tests.alerts import alertmanager_server
from tests.alerts.alertmanager_server import (
    AlertmanagerServer,
    notifying,
    receiving_notifications,
    running_alertmanager,
)
from tests.command_line import eventually, free_port
from tests.maven.examples import Json, violation_data

HOUR = 60 * MINUTE
LINK = "https://hos.example/v1/violations/v-1"

Alert = Mapping[str, object]


@pytest.fixture(scope="module")
def server() -> Iterator[AlertmanagerServer]:
    """An Alertmanager that the tests of this file share; each looks at its own violations."""
    with running_alertmanager() as running:
        yield running


def data_of(violation_id: str, **changes: Json) -> ViolationData:
    data: ViolationData = validate(violation_data(**{"id": violation_id, "duration": "0:45", **changes}))
    return data


def fire(data: ViolationData, link: str | None = None, ends_in: int = 25 * HOUR) -> dict[str, object]:
    now = clock()
    return firing(data, now=now, ends_at=now + ends_in, link=link)


def resolve(data: ViolationData, ended_at: int | None = None) -> dict[str, object]:
    now = clock()
    return resolved(labels_of(data), data.startTime or now, ended_at=now if ended_at is None else ended_at)


def post(server: AlertmanagerServer, *alerts: Alert) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as client:
        return client.post(
            alerts_url(server.url), content=body_of(alerts), headers={"content-type": "application/json"}
        )


def accept(server: AlertmanagerServer, *alerts: Alert) -> None:
    answer = post(server, *alerts)
    assert answer.status_code == 200, answer.text


def found(server: AlertmanagerServer, violation_id: str) -> list[dict[str, Any]]:
    return [alert for alert in server.alerts() if alert["labels"].get("violation") == violation_id]


@pytest.mark.parametrize(
    "url, posted_to",
    [
        ("http://am:9093", "http://am:9093/api/v2/alerts"),
        ("http://am:9093/", "http://am:9093/api/v2/alerts"),
        ("https://am.example/prefix", "https://am.example/prefix/api/v2/alerts"),
        ("https://am.example/prefix//", "https://am.example/prefix/api/v2/alerts"),
        ("https://am.example/prefix/?token=1/2", "https://am.example/prefix/api/v2/alerts"),
        ("https://am.example?a=b", "https://am.example/api/v2/alerts"),
        ("https://am.example/#/alerts", "https://am.example/api/v2/alerts"),
        ("http://am:9093/api/v2/alerts", "http://am:9093/api/v2/alerts"),
        ("http://am:9093/x/api/v2/alerts/", "http://am:9093/x/api/v2/alerts"),
        ("http://[::1]:9093", "http://[::1]:9093/api/v2/alerts"),
    ],
)
def test_where_alerts_are_posted_to(url: str, posted_to: str) -> None:
    assert alerts_url(url) == posted_to


def test_a_violation_fires(server: AlertmanagerServer) -> None:
    data = data_of("fires", duration="3:30")
    accept(server, fire(data, LINK))
    (alert,) = found(server, "fires")
    assert alert["labels"] == {
        "alertname": "HOSViolation",
        "violation": "fires",
        "driver": "JDOE123",
        "terminal": "PGH",
        "type": "shift_drive",
        "severity": "critical",
    }
    assert alert["annotations"] == {
        "summary": "Doe, John (driver JDOE123): 11-hour driving limit passed",
        "description": "11-hour driving limit passed, by 3 h 30 min; Pittsburgh, PA; terminal PGH; unit Truck 12345;"
        " egregious: more than 3 hours over a driving limit",
        "since": "2024-01-01T00:00:00Z",
        "where": "Pittsburgh, PA",
        "over": "3 h 30 min",
        "rule": "49 CFR 395.3(a)(3)(i): 11 hours of driving after 10 hours off duty",
        "link": LINK,
    }
    assert alert["startsAt"] == "2024-01-01T00:00:00.000Z"
    assert alert["generatorURL"] == LINK
    assert alert["status"]["state"] in ("active", "unprocessed")


def test_what_is_absent_is_left_out() -> None:
    data: ViolationData = validate({"id": "v", "eventTime": "2024-01-01T00:00:00Z", "terminalCode": ""})
    alert = firing(data, now=LAST_INSTANT, ends_at=LAST_INSTANT, link=None)
    assert alert == {
        "labels": {"alertname": "HOSViolation", "violation": "v", "severity": "warning"},
        "annotations": {
            "summary": "Unknown driver: Hours-of-service violation",
            "description": "Hours-of-service violation",
        },
        "startsAt": "2024-01-01T00:00:00Z",
        "endsAt": "2199-12-31T23:59:59.999999Z",
    }


def test_sent_again_it_stays_one_alert_that_ends_later(server: AlertmanagerServer) -> None:
    data = data_of("again")
    accept(server, fire(data, ends_in=HOUR))
    (before,) = found(server, "again")
    accept(server, fire(data, ends_in=25 * HOUR))
    (after,) = found(server, "again")
    assert after["fingerprint"] == before["fingerprint"]
    assert after["endsAt"] > before["endsAt"]


def test_other_labels_make_another_alert_and_the_old_one_is_resolved_beside_it(server: AlertmanagerServer) -> None:
    before, after = data_of("grows", duration="2:00"), data_of("grows", duration="4:00")
    accept(server, fire(before))
    accept(server, fire(after))
    assert {alert["labels"]["severity"] for alert in found(server, "grows")} == {"warning", "critical"}
    accept(server, fire(after), resolve(before))
    (alert,) = found(server, "grows")
    assert alert["labels"]["severity"] == "critical"


@pytest.mark.parametrize("ended", ["now", "long ago", "before it started", "in 1970"])
def test_it_resolves(server: AlertmanagerServer, ended: str) -> None:
    data = data_of(ended)
    assert data.startTime is not None
    ended_at = {
        "now": clock(),
        "long ago": data.startTime + HOUR,
        "before it started": data.startTime - HOUR,
        "in 1970": FIRST_INSTANT,
    }[ended]
    accept(server, fire(data))
    assert len(found(server, ended)) == 1
    accept(server, resolve(data, ended_at))
    assert found(server, ended) == []
    accept(server, resolve(data, ended_at))
    accept(server, fire(data))
    assert len(found(server, ended)) == 1


def test_it_resolves_though_our_clock_is_ahead(server: AlertmanagerServer) -> None:
    data = data_of("ahead")
    accept(server, fire(data))
    accept(server, resolve(data, clock() + 45 * SECOND))
    assert found(server, "ahead") == []


def test_an_end_to_come_would_not_resolve_it(server: AlertmanagerServer) -> None:
    """Why there is a margin: an Alertmanager keeps the later of two ends that are both to come by its clock."""
    data = data_of("not yet")
    accept(server, fire(data))
    accept(server, resolve(data) | {"endsAt": format_time(clock() + 30 * SECOND)})
    (alert,) = found(server, "not yet")
    assert alert["endsAt"] > format_time(clock() + 24 * HOUR)


def test_an_unknown_alert_may_be_resolved(server: AlertmanagerServer) -> None:
    accept(server, resolve(data_of("never heard of")))
    assert found(server, "never heard of") == []


def test_a_test_alert(server: AlertmanagerServer) -> None:
    now = clock()
    accept(server, alertmanager.test_alert("Night\nshift", now=now))
    (alert,) = [one for one in server.alerts() if one["labels"]["alertname"] == "HOSReceiverTest"]
    assert alert["labels"] == {"alertname": "HOSReceiverTest", "severity": "info", "hook": "Night shift"}
    assert alert["endsAt"][:19] == format_time(now + 5 * MINUTE)[:19]
    assert alert["annotations"]["description"].startswith('A test of the hook "Night shift".')


STRANGE: list[dict[str, Json]] = [
    {"driverName": "\u202eEve\r\n\x1b", "driverId": "a\nb\\c\x7f\u202e"},
    {"terminalCode": "x" * 1_000_000, "type": "y" * 1_000_000, "longDescription": "z" * 1_000_000},
    {"terminalCode": "", "type": "", "driverName": "", "driverId": " "},
    {"terminalCode": "\u200b", "type": "\u2028\x85", "driverId": "\ufffd"},
    {"terminalCode": "{{ .Labels }}", "type": '"; drop', "driverId": "\U0001f69a"},
    {"startTime": "1970-01-01T00:00:00Z", "eventTime": "1970-01-01T00:00:00Z"},
    {"startTime": "2199-12-31T23:59:59.999999Z", "eventTime": "2199-12-31T23:59:59.999999Z"},
    {"startTime": None, "eventTime": "2199-12-31T23:59:59.999999Z", "driverId": None, "type": None},
    {"duration": "9999:59", "startData": {"latitude": 1e-300, "longitude": -180}, "endData": []},
]


def test_strange_values_are_accepted_and_refuse_no_other(server: AlertmanagerServer) -> None:
    alerts: list[Alert] = []
    for number, changes in enumerate(STRANGE):
        data = data_of(f"strange-{number}", **changes)
        alerts += [fire(data, "no link"), fire(data_of(f"plain-{number}"))]
    accept(server, *alerts)
    for number in range(len(STRANGE)):
        (alert,) = found(server, f"strange-{number}")
        assert [value for value in alert["labels"].values() if len(value) > 200 or "\n" in value] == []
        assert "generatorURL" not in alert
        assert len(found(server, f"plain-{number}")) == 1
    accept(server, *(resolve(data_of(f"strange-{n}", **changes)) for n, changes in enumerate(STRANGE)))
    assert [n for n in range(len(STRANGE)) if found(server, f"strange-{n}")] == []


@given(violation_ids=st.sets(st.text(st.sampled_from("ab\\\n\u202e{}e02u "), min_size=1, max_size=5), max_size=50))
def test_two_violations_never_have_all_labels_in_common(violation_ids: set[str]) -> None:
    labels = {tuple(labels_of(data_of(one)).items()) for one in violation_ids}
    assert len(labels) == len(violation_ids)


def test_ids_of_the_greatest_length_differ_at_their_end(server: AlertmanagerServer) -> None:
    ids = ["\n" * 254 + last for last in "ab"]
    accept(server, *(fire(data_of(one)) for one in ids))
    for one in ids:
        (alert,) = found(server, labels_of(data_of(one))["violation"])
        assert alert["labels"]["violation"] == "\\u{a}" * 254 + one[-1]


LINKS = st.from_regex(
    re.compile(r"(https?|ftp|javascript)?:?/{0,2}[a-zA-Z0-9.:\[\]@%~ -]{0,12}[/?#]?[ -~\n]{0,12}"), fullmatch=True
)


@given(links=st.lists(LINKS | st.from_regex(alertmanager.URL, fullmatch=True), min_size=1, max_size=10))
@settings(max_examples=50)
def test_no_link_makes_a_request_be_refused(server: AlertmanagerServer, links: Sequence[str]) -> None:
    accept(server, *(fire(data_of(f"link-{n}"), link) for n, link in enumerate(links)))


@pytest.mark.parametrize(
    "link", ["https://hos.example", "http://127.0.0.1:8080/v/a%2Fb?c=d#e", "http://[::1]:1/", "https://h/" + "x" * 4000]
)
def test_a_link_that_is_a_url_is_kept(server: AlertmanagerServer, link: str) -> None:
    accept(server, fire(data_of("linked"), link))
    (alert,) = found(server, "linked")
    assert alert["generatorURL"] == alert["annotations"]["link"] == link


@pytest.mark.parametrize(
    "link", ["not a url", "https://h/%zz", "https://h/\n", "http://[::1", "", "javascript:alert(1)"]
)
def test_a_link_that_is_none_is_a_text_at_most(link: str) -> None:
    assert "generatorURL" not in fire(data_of("v"), link)


def test_alerts_are_grouped_by_driver() -> None:
    with (
        receiving_notifications() as notifications,
        running_alertmanager(notifying(notifications.url)) as server,
    ):
        adas = [data_of("ada-1", driverId="ada"), data_of("ada-2", driverId="ada", type="break")]
        accept(server, *(fire(data) for data in adas), fire(data_of("bob-1", driverId="bob")))

        def statuses(driver: str) -> dict[str, str]:
            latest = notifications.latest(driver=driver)
            return {} if latest is None else {a["labels"]["violation"]: a["status"] for a in latest["alerts"]}

        eventually(lambda: statuses("ada") == {"ada-1": "firing", "ada-2": "firing"}, "both are told in one group")
        eventually(lambda: statuses("bob") == {"bob-1": "firing"}, "another driver is told apart")
        accept(server, resolve(adas[0]))
        eventually(lambda: statuses("ada") == {"ada-1": "resolved", "ada-2": "firing"}, "the end of one is told")
        latest = notifications.latest(driver="ada")
        assert latest is not None
        (ended,) = [alert for alert in latest["alerts"] if alert["status"] == "resolved"]
        assert ended["annotations"]["summary"] == "Driver ada: Shift drive, no longer active"
        accept(server, resolve(adas[1], FIRST_INSTANT))
        eventually(lambda: statuses("ada").get("ada-2") == "resolved", "an end before the start is told too")


def test_an_alertmanager_may_have_a_port_of_our_choice_twice() -> None:
    port = free_port()
    for _ in range(2):
        with running_alertmanager(port=port) as server:
            assert server.port == port
            assert server.alerts() == []
        with pytest.raises(httpx2.ConnectError):
            server.alerts()


def test_a_wrong_configuration_is_told() -> None:
    with (
        pytest.raises(AssertionError, match="undefined receiver"),
        running_alertmanager('{"route": {"receiver": "x"}}'),
    ):
        pass


def test_a_missing_alertmanager_is_told_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager_server, "BINARY", "prometheus-alertmanager-of-nobody")
    monkeypatch.setenv("CI", "1")
    with (
        pytest.raises(AssertionError, match="apt-get install prometheus-alertmanager"),
        running_alertmanager(),
    ):
        pass
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install"), running_alertmanager():
        pass
