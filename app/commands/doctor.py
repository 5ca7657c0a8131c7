"""`hos-receiver doctor`: says what is wrong with an installation before it hurts."""

import typer

from app.commands.examination import examine
from app.commands.findings import Finding, Grade
from app.commands.running import complain, fail, run
from app.settings import WrongSetting, read_settings


def examine_installation() -> None:
    """Look at settings, database, credentials, clocks and Maven; say what to do about each fault.

    Changes nothing, and may run beside serve. Ends with status 1 when something fails.
    """
    try:
        settings = read_settings()
    except WrongSetting as error:
        for line in str(error).splitlines():
            typer.echo(Finding(Grade.FAIL, line, "mend the setting; .env.example explains each"))
        complain("the settings are wrong; the rest was not looked at")
        raise typer.Exit(1) from None

    async def look() -> int:
        failed = 0
        async for finding in examine(settings):
            typer.echo(finding)
            failed += finding.grade is Grade.FAIL
        return failed

    failed = run(look())
    if failed:
        fail("something fails" if failed == 1 else f"{failed} things fail")
