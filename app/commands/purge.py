"""`hos-receiver purge`: delete what is older than the carrier must and wants to keep."""

from typing import Annotated

import typer

from app.clock import now
from app.commands.running import fail, opened, run, settings_or_fail
from app.driver_histories.purge import purge_records
from app.duty_log.retention import GoneRecords
from app.dvir_logs.purge import purge_inspections
from app.ingest.purge import LEAST_DAYS, Purged, purge
from app.inspections.retention import GoneInspections
from app.maven.times import DAY, format_time
from app.progress import shown_progress


def purge_violations(
    days: Annotated[
        int | None, typer.Option(help="Keep this many days instead of HOS_RETENTION_DAYS.", min=1, max=36_500)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=f"Allow less than {LEAST_DAYS} days.")] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Also delete quarantine entries that came last before then.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete violations whose last event was received longer ago than HOS_RETENTION_DAYS, with all their events, duty
    records as old that are evidence of no violation that is kept, and inspections as old without open defects.

    What a legal hold covers stays (see holds). Carriers must keep records of duty status for six months
    (49 CFR 395.8(k)). May run beside serve.
    """
    settings = settings_or_fail()
    kept_days = settings.retention_days if days is None else days
    if kept_days == 0:
        fail("HOS_RETENTION_DAYS is 0, which keeps everything; set it, or give --days")
    if kept_days < LEAST_DAYS and not force:
        fail(f"{kept_days} days are less than the {LEAST_DAYS} of 49 CFR 395.8(k); --force if you know better")
    before = max(0, now() - kept_days * DAY)

    async def work() -> tuple[Purged, GoneRecords, GoneInspections]:
        async with opened(settings) as database:
            with shown_progress("purge", "violations looked at") as on_progress:
                purged = await purge(
                    database,
                    before,
                    quarantine_too=quarantine,
                    dry_run=dry_run,
                    clock=now,
                    on_progress=on_progress,
                )
            with shown_progress("purge", "duty records looked at") as on_progress:
                records = await purge_records(database, before, is_dry=dry_run, clock=now, on_progress=on_progress)
            inspections = await purge_inspections(database, before, is_dry=dry_run, clock=now)
            return purged, records, inspections

    purged, records, inspections = run(work())
    parts = [f"{purged.violations:,} violations with {purged.events:,} events"]
    if quarantine:
        parts.append(f"{purged.quarantined:,} quarantine entries")
    if records.records:
        parts.append(f"{records.records:,} duty records")
    if inspections.reports or inspections.operations:
        parts.append(f"{inspections.reports:,} inspections with {inspections.operations:,} operations")
    verb = "Would delete" if dry_run else "Deleted"
    typer.echo(f"{verb} {listed(parts)}, received before {format_time(before)}.")
    if purged.held:
        typer.echo(f"Kept {purged.held:,} violations as old as that because of holds; see: hos-receiver holds list")
    if records.kept:
        typer.echo(f"Kept {records.kept:,} duty records as old as that: evidence of violations that are kept, or held.")
    if purged.is_quarantine_held:
        typer.echo("Kept the quarantine, for a hold is in force and nobody can say whose its entries are.")


def listed(parts: list[str]) -> str:
    """Parts of a sentence, apart by commas and the last by and."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
