"""Backs the database up into a directory, keeps the newest few copies, and tells node_exporter when it was done.

SQLite by `hos-receiver backup`, which may run beside the service; PostgreSQL by `pg_dump`. The database is the one of
`HOS_DATABASE_URL`, or of the file that `HOS_DATABASE_URL_FILE` names, as for the service. A copy gets its name when it
is whole; older ones are deleted only after that. Uses nothing but Python's own library.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

METRIC = "hos_backup_made_timestamp_seconds"


def database_url(environment: Mapping[str, str]) -> str:
    """The service's database. Raises `OSError` when the file that should name it cannot be read."""
    file = environment.get("HOS_DATABASE_URL_FILE", "").strip()
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return environment.get("HOS_DATABASE_URL", "").strip() or "sqlite:///data/hos.db"


def dump_command(url: str, file: Path) -> tuple[list[str], dict[str, str]]:
    """What writes a PostgreSQL database to a file, and what it needs in its environment.

    The password goes there: every user of the machine can read a command line.
    """
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    shown = parts._replace(netloc=f"{user}{at}{hosts}").geturl()
    command = ["pg_dump", "--format=custom", "--no-password", f"--file={file}", f"--dbname={shown}"]
    return command, {"PGPASSWORD": unquote(password)} if colon else {}


def back_up(url: str, directory: Path, seconds: float) -> Path:
    """Makes one more copy; gives its file. Raises `CalledProcessError` when the program that makes it fails."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    if url.startswith("sqlite:"):
        file = directory / f"hos-{stamp}.db"
        program = Path(sys.executable).with_name("hos-receiver")
        subprocess.run([program, "backup", file], check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        return file
    file = directory / f"hos-{stamp}.dump"
    part = directory / f".{file.name}.part"
    command, secrets = dump_command(url, part)
    try:
        subprocess.run(command, check=True, env={**os.environ, **secrets}, stdin=subprocess.DEVNULL)  # noqa: S603
        part.chmod(0o600)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    return file


def forget(directory: Path, keep: int) -> None:
    """Deletes all copies but the newest `keep`."""
    copies = sorted([*directory.glob("hos-*Z.db"), *directory.glob("hos-*Z.dump")], key=lambda path: path.stem)
    for path in copies[: max(0, len(copies) - keep)]:
        path.unlink()


def tell(metrics: Path, seconds: float) -> None:
    """Writes the time for node_exporter's textfile collector; nowhere when its directory is not there."""
    if metrics.parent.is_dir():
        part = metrics.with_suffix(".part")
        part.write_text(f"# TYPE {METRIC} gauge\n{METRIC} {seconds:.0f}\n", encoding="utf-8")
        part.chmod(0o644)
        part.rename(metrics)


def main() -> int:
    """The exit status: 0, or 1 when there is no new copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--keep", type=int, default=14, help="copies that are kept (14)")
    parser.add_argument("--metrics", type=Path, help="file for node_exporter's textfile collector")
    given = parser.parse_args()
    if given.keep < 1:
        parser.error("--keep must be 1 at least")
    now = time.time()
    try:
        file = back_up(database_url(os.environ), given.directory, now)
        forget(given.directory, given.keep)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"no backup: {error}\n")
        return 1
    if given.metrics is not None:
        try:
            tell(given.metrics, now)
        except OSError as error:
            # There is a copy all the same. Who watches its age will hear of this.
            sys.stderr.write(f"the backup is made, but node_exporter is not told: {error}\n")
    sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
