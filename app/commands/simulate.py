"""`hos-receiver simulate`: send a believable stream of events to a receiver, or stand in for Maven and be polled."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from app.commands.running import complain, fail, run, settings_or_fail
from app.maven.simulator import DEFAULT_DAYS, DEFAULT_TERMINALS, Shape
from app.maven.standin import DEFAULT_API_KEY, DEFAULT_OTHERS, DEFAULT_PAGE_SIZE, FaultName
from app.maven.times import SECOND, parse_time

if TYPE_CHECKING:
    from app.ingest.simulate.standin import StandInOptions

WRONG_USAGE = 2
# Each mode has options of its own; what would be passed over silently is refused.
_ONLY_SENDING = ("url", "token", "rate", "batch", "connections", "shape", "out")
_ONLY_STANDING_IN = ("page_size", "api_key", "fault", "others")


def simulate_events(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Webhook or base address; by default this machine's, with the port of HOS_PORT.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="Webhook token, or whsec_ secret to sign with; by default of HOS_SIMULATE_TOKEN or"
            " HOS_WEBHOOK_SECRETS."
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Events to send.")] = 1000,
    rate: Annotated[float, typer.Option(help="Events per second; 0 for as fast as they are taken.")] = 0.0,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same events; drawn when left out.")] = None,
    batch: Annotated[int, typer.Option(help="Events in one request.")] = 1,
    connections: Annotated[int, typer.Option(help="Connections to send over.")] = 8,
    drivers: Annotated[int | None, typer.Option(help="Drivers of the carrier; by default what fits the count.")] = None,
    terminals: Annotated[int, typer.Option(help="Terminals of the carrier.")] = DEFAULT_TERMINALS,
    days: Annotated[int, typer.Option(help="Days in which it all happened.")] = DEFAULT_DAYS,
    until: Annotated[
        str | None,
        typer.Option(
            help="When it ends, such as 2026-01-01T00:00:00Z; by default now, or that very date with --seed.",
            metavar="TIME",
        ),
    ] = None,
    shape: Annotated[Shape, typer.Option(help="How events are written.")] = "mixed",
    out: Annotated[
        str | None, typer.Option(help="Write request bodies as NDJSON to this file instead, - for standard output.")
    ] = None,
    serve_maven: Annotated[
        int | None,
        typer.Option(
            help="Send nothing: serve Maven's GET /return-events on this port of 127.0.0.1 instead, 0 for a free one,"
            " until Ctrl-C.",
            metavar="PORT",
        ),
    ] = None,
    page_size: Annotated[int, typer.Option(help="With --serve-maven: events in a page.")] = DEFAULT_PAGE_SIZE,
    api_key: Annotated[str, typer.Option(help="With --serve-maven: the apiKey that is let in.")] = DEFAULT_API_KEY,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="With --serve-maven: what goes wrong, or goes wrong for the first N requests; may be repeated."
            f" One of {', '.join(FaultName)}.",
            metavar="NAME[:N]",
        ),
    ] = None,
    others: Annotated[
        int, typer.Option(help="With --serve-maven: events of Maven's other types for each of a violation.")
    ] = DEFAULT_OTHERS,
) -> None:
    """Send a believable stream of events to a receiver, and sum up what came of it.

    Drivers, terminals and places of a made-up carrier; invalidations minutes to weeks later, duplicates, late and
    out-of-order deliveries. Ends with status 1 when not every event was answered for good.

    With --serve-maven it stands in for Maven's queue instead, to be polled by a receiver. The stream then ends now, or
    at --until; of what lies ahead every event can be read from its time on.
    """
    is_standing_in = serve_maven is not None
    for name in _ONLY_SENDING if is_standing_in else _ONLY_STANDING_IN:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            option = f"--{name.replace('_', '-')}"
            _refuse(f"{option} does not go with --serve-maven" if is_standing_in else f"{option} needs --serve-maven")
    ends = None
    if until is not None:
        try:
            ends = datetime.fromtimestamp(parse_time(until) / SECOND, UTC)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--until") from None
    if serve_maven is not None:
        from app.ingest.simulate.standin import StandInOptions

        _stand_in(
            StandInOptions(
                port=serve_maven,
                count=count,
                seed=seed,
                drivers=drivers,
                terminals=terminals,
                days=days,
                until=ends,
                others=others,
                page_size=page_size,
                api_key=api_key,
                faults=tuple(fault or ()),
            )
        )
        return
    # Here, because an HTTP client is much to load for a command that sends nothing.
    from app.ingest.simulate import DEFAULT_URL, SimulationOptions, find_secret, run_simulation

    settings = settings_or_fail()
    known = {
        "HOS_SIMULATE_TOKEN": "" if settings.simulate_token is None else settings.simulate_token.get_secret_value(),
        "HOS_WEBHOOK_SECRETS": ",".join(secret.get_secret_value() for secret in settings.webhook_secrets),
    }
    options = SimulationOptions(
        url=url or DEFAULT_URL.replace(":8000", f":{settings.port or 8000}"),
        secret=find_secret(token, known),
        count=count,
        rate=rate,
        seed=seed,
        batch=batch,
        connections=connections,
        drivers=drivers,
        terminals=terminals,
        days=days,
        until=ends,
        shape=shape,
        out=out,
    )
    status = run(run_simulation(options, sys.stdout))
    if status:
        raise typer.Exit(status)


def _stand_in(options: "StandInOptions") -> None:
    from app.ingest.simulate.standin import LOOPBACK, run_standin

    try:
        run_standin(options, sys.stdout)
    except (ValueError, OverflowError) as error:
        _refuse(str(error))
    except OSError as error:
        fail(f"cannot listen on {LOOPBACK} port {options.port}: {error.strerror or error}")


def _refuse(message: str) -> NoReturn:
    complain(f"simulate: {message}")
    raise typer.Exit(WRONG_USAGE)
