"""`hos-receiver hooks`: who is told of changes and inspections, and what became of it. May run beside `serve`.

What a command asks for is read and judged as the API does; what it prints is for people, a line for each thing, with
tabs between its parts.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from app.alerting import Alerting, open_alerting
from app.alerts.delivery_desk import DeliveryDesk, DeliveryNotFound
from app.alerts.desk import HookConflict, HookNotFound
from app.alerts.shown import shown_delivery, shown_hook
from app.commands.hook_options import (
    AtLeast,
    DigestAt,
    Drivers,
    Egregious,
    Events,
    Minutes,
    Rulesets,
    SafetyCritical,
    Terminals,
    Types,
    WithinDays,
    Zone,
    body_of,
    filter_of,
    url_of,
)
from app.commands.running import fail, group, opened, run, settings_or_fail
from app.hooks.schema import HookChanges, NewHook, WrongHook, read_body
from app.hooks.store import Hook, list_hooks
from app.maven.times import format_time
from app.outbox.model import Status
from app.outbox.records import Record

T = TypeVar("T")

MOST_LISTED = 1000

hooks = group("hooks", "Alert hooks and their deliveries: make, test, replay.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The hook's id, as hooks list shows it.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, as hooks deliveries shows it.")]


def _at_desk(work: Callable[[Alerting], Awaitable[T]]) -> T:
    """Does something at the desk; what is wrong becomes one clear line."""
    settings = settings_or_fail()

    async def do() -> T:
        async with opened(settings) as database, open_alerting(database, settings) as alerting:
            return await work(alerting)

    try:
        return run(do())
    except HookNotFound:
        fail("there is no such hook; see: hos-receiver hooks list")
    except DeliveryNotFound:
        fail("the hook has no such delivery; see: hos-receiver hooks deliveries")
    except HookConflict as error:
        fail(str(error))
    except WrongHook as error:
        fail(str(error))


def _line(hook: Hook) -> str:
    state = "enabled" if hook.disabled_at is None else f"disabled {format_time(hook.disabled_at)}"
    failing = "" if hook.failing_since is None else f"failing since {format_time(hook.failing_since)}"
    return "\t".join(
        part for part in (hook.id, hook.name, hook.kind.word, ",".join(hook.events), state, failing) if part
    )


def _delivery_line(record: Record) -> str:
    parts = [
        str(record.pk),
        format_time(record.created_at),
        record.topic.word,
        record.violation_id or "-",
        record.status.word,
        f"{record.attempts} attempts",
    ]
    if record.status is Status.PENDING and record.due_at > record.created_at:
        parts.append(f"next {format_time(record.due_at)}")
    if record.last_error and record.status is not Status.SUCCEEDED:
        parts.append(record.last_error)
    return "\t".join(parts)


@hooks.command("list")
def show_all() -> None:
    """List hooks: id, name, kind, what of, and how they fare."""

    async def read(alerting: Alerting) -> list[Hook]:
        return await alerting.desk.database.read(list_hooks(0, MOST_LISTED))

    found = _at_desk(read)
    for hook in found:
        typer.echo(_line(hook))
    if not found:
        typer.echo("There are no hooks.", err=True)


@hooks.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for people, 1 to 100 characters.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to; - reads it from standard input.")],
    kind: Annotated[str, typer.Option(help="How it is told: webhook, alertmanager or apprise.")] = "webhook",
    event: Events = None,
    terminal: Terminals = None,
    violation_type: Types = None,
    ruleset: Rulesets = None,
    driver: Drivers = None,
    min_minutes: Minutes = None,
    egregious: Egregious = None,
    safety_critical: SafetyCritical = None,
    at_least: AtLeast = None,
    within_days: WithinDays = None,
    digest_at: DigestAt = None,
    zone: Zone = None,
) -> None:
    """Make a hook. A webhook's secret is printed alone on the last line; it is shown this once."""
    asked = filter_of(terminal, violation_type, ruleset, driver, min_minutes, egregious, safety_critical)
    body = body_of(event, asked, at_least, within_days, digest_at, zone)
    body |= {"name": name, "url": url_of(url), "kind": kind}

    async def make(alerting: Alerting) -> tuple[Hook, str | None]:
        return await alerting.desk.create(read_body(NewHook, json.dumps(body).encode()))

    hook, secret = _at_desk(make)
    if secret is None:
        typer.echo(f"Hook {hook.id} is made. Try it with: hos-receiver hooks test {hook.id}")
    else:
        typer.echo(f"Hook {hook.id} is made. It signs with this secret, shown this once:")
        typer.echo(secret)


@hooks.command("show")
def show(hook_id: Id) -> None:
    """Show a hook as the API does, as JSON."""

    async def read(alerting: Alerting) -> dict[str, object]:
        hook = await alerting.desk.find(hook_id)
        return shown_hook(hook, alerting.desk.shown_url(hook))

    typer.echo(json.dumps(_at_desk(read), indent=2, ensure_ascii=False))


@hooks.command("change")
def change(
    hook_id: Id,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address; - reads it from standard input.")] = None,
    event: Events = None,
    terminal: Terminals = None,
    violation_type: Types = None,
    ruleset: Rulesets = None,
    driver: Drivers = None,
    min_minutes: Minutes = None,
    egregious: Egregious = None,
    safety_critical: SafetyCritical = None,
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Tell of all again.")] = False,
    at_least: AtLeast = None,
    within_days: WithinDays = None,
    no_threshold: Annotated[bool, typer.Option("--no-threshold", help="No threshold any more.")] = False,
    digest_at: DigestAt = None,
    zone: Zone = None,
    no_digest: Annotated[bool, typer.Option("--no-digest", help="One by one again.")] = False,
) -> None:
    """Change a hook. What is not given stays; a filter that is given replaces the whole one."""
    asked = filter_of(terminal, violation_type, ruleset, driver, min_minutes, egregious, safety_critical)
    body = body_of(event, asked, at_least, within_days, digest_at, zone)
    body |= {key: value for key, value in (("name", name), ("url", url and url_of(url))) if value is not None}
    if no_filter:
        body["filter"] = {}
    body |= {key: None for key, is_ended in (("threshold", no_threshold), ("digest", no_digest)) if is_ended}
    if not body:
        raise typer.BadParameter("say what to change; see --help")
    _change(hook_id, body)
    typer.echo(f"Hook {hook_id} is changed.")


def _change(hook_id: str, body: dict[str, object]) -> None:
    async def do(alerting: Alerting) -> None:
        await alerting.desk.change(hook_id, read_body(HookChanges, json.dumps(body).encode()))

    _at_desk(do)


@hooks.command("enable")
def enable(hook_id: Id) -> None:
    """Tell a hook again; what it missed is sent at once."""
    _change(hook_id, {"enabled": True})
    typer.echo(f"Hook {hook_id} is enabled.")


@hooks.command("disable")
def disable(hook_id: Id) -> None:
    """Tell a hook nothing for now; what it misses is kept for it."""
    _change(hook_id, {"enabled": False})
    typer.echo(f"Hook {hook_id} is disabled.")


@hooks.command("delete")
def delete(
    hook_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a hook with its deliveries, those that wait as well."""
    if not yes:
        typer.confirm(f"Delete hook {hook_id} and its deliveries for good?", abort=True, err=True)

    async def do(alerting: Alerting) -> None:
        await alerting.desk.delete(hook_id)

    _at_desk(do)
    typer.echo(f"Hook {hook_id} is deleted.")


@hooks.command("test")
def test(hook_id: Id) -> None:
    """Send a test message now, once. Status 1 when it did not arrive."""

    async def do(alerting: Alerting) -> Record:
        return await alerting.desk.test(hook_id)

    record = _at_desk(do)
    if record.status is not Status.SUCCEEDED:
        fail(f"the test failed: {record.last_error}")
    answered = "" if record.response_status is None else f"; the receiver answered {record.response_status}"
    typer.echo(f"The test arrived{answered}.")


@hooks.command("rotate-secret")
def rotate_secret(
    hook_id: Id,
    grace_hours: Annotated[
        int, typer.Option(min=0, max=168, help="How long the old secret signs along; 0 when it was given away.")
    ] = 24,
) -> None:
    """Give a webhook a new secret, printed alone on the last line; the old one signs along for a while."""

    async def do(alerting: Alerting) -> tuple[str, int | None]:
        return await alerting.desk.rotate_secret(hook_id, grace_hours)

    secret, ends_at = _at_desk(do)
    until = (
        "The old secret signs no more." if ends_at is None else f"The old one signs along until {format_time(ends_at)}."
    )
    typer.echo(f"{until} The new one, shown this once:")
    typer.echo(secret)


@hooks.command("replay")
def replay(
    hook_id: Id,
    since: Annotated[str, typer.Option("--from", help="Changes received from this time on, ISO 8601.")],
    until: Annotated[str, typer.Option("--to", help="Up to this time.")],
) -> None:
    """Send the changes of violations of a time once more, by the hook's filter of today."""

    async def do(alerting: Alerting) -> int:
        return await DeliveryDesk(alerting.desk).replay(hook_id, since, until)

    typer.echo(f"{_at_desk(do):,} deliveries wait to be sent by serve.")


@hooks.command("deliveries")
def deliveries(
    hook_id: Id,
    status: Annotated[
        list[str] | None, typer.Option(help="Only pending, succeeded, failed or dead; repeat for several.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="All that is known of each, a JSON object a line.")] = False,
) -> None:
    """List deliveries, newest first: id, time, what, violation, how it went."""
    known = {one.word: one for one in Status}
    wrong = [word for word in status or [] if word not in known]
    if wrong:
        raise typer.BadParameter(f"must be one of {', '.join(known)}, not {wrong[0][:60]!r}", param_hint="--status")
    statuses = [known[word] for word in status or known]

    async def read(alerting: Alerting) -> list[str]:
        desk = DeliveryDesk(alerting.desk)
        hook, found = await desk.list_some(hook_id, statuses, None, limit)
        if not as_json:
            return [_delivery_line(one) for one in found]
        return [
            json.dumps(shown_delivery(hook.id, one, desk.message_id(hook, one)), ensure_ascii=False) for one in found
        ]

    lines = _at_desk(read)
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("There are none.", err=True)


@hooks.command("retry")
def retry(hook_id: Id, delivery_id: DeliveryId) -> None:
    """Let a delivery that did not succeed be tried again, by serve, at once."""
    if not (delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) <= 18):
        fail("the hook has no such delivery; see: hos-receiver hooks deliveries")

    async def do(alerting: Alerting) -> None:
        await DeliveryDesk(alerting.desk).retry(hook_id, int(delivery_id))

    _at_desk(do)
    typer.echo(f"Delivery {delivery_id} is tried again.")
