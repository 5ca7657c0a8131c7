"""`hos-receiver simulate`: send a believable stream of events to a receiver."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.running import run, settings_or_fail
from app.maven.simulator import DEFAULT_DAYS, DEFAULT_TERMINALS, Shape
from app.maven.times import SECOND, parse_time


def simulate_events(
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
) -> None:
    """Send a believable stream of events to a receiver, and sum up what came of it.

    Drivers, terminals and places of a made-up carrier; invalidations minutes to weeks later, duplicates, late and
    out-of-order deliveries. Ends with status 1 when not every event was answered for good.
    """
    # Here, because an HTTP client is much to load for a command that sends nothing.
    from app.ingest.simulate import DEFAULT_URL, SimulationOptions, find_secret, run_simulation

    settings = settings_or_fail()
    ends = None
    if until is not None:
        try:
            ends = datetime.fromtimestamp(parse_time(until) / SECOND, UTC)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--until") from None
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
