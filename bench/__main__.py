"""`python -m bench [NAME…] [--rounds N] [--seconds S] [--rows N]`: runs benchmarks and prints their ratios.

Exit status 1 when a figure misses its bound. Nothing else should run on the machine meanwhile.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench import dashboard, drivers, duty_log, hooks, ingest, pulling, reads, size
from bench.report import Report
from bench.servers import LOAD_CORE, postgresql

BENCHMARKS = {
    "ingest-sqlite": ingest.single_events_sqlite,
    "ingest-postgresql": ingest.single_events_postgresql,
    "afternoon-sqlite": ingest.afternoon_sqlite,
    "afternoon-postgresql": ingest.afternoon_postgresql,
    "drivers-of-postgresql": drivers.compare,
    "driver-lookup": reads.driver_lookup,
    "reads-sqlite": reads.growth_sqlite,
    "reads-postgresql": reads.growth_postgresql,
    "batches": ingest.batches_on_a_million,
    "drain-sqlite": pulling.drain_sqlite,
    "drain-postgresql": pulling.drain_postgresql,
    "outbox-sqlite": hooks.outbox_cost_sqlite,
    "outbox-postgresql": hooks.outbox_cost_postgresql,
    "delivery-sqlite": hooks.delivery_sqlite,
    "delivery-postgresql": hooks.delivery_postgresql,
    "overview-sqlite": dashboard.overview_sqlite,
    "overview-postgresql": dashboard.overview_postgresql,
    "live-pages-sqlite": dashboard.live_pages_sqlite,
    "live-pages-postgresql": dashboard.live_pages_postgresql,
    "duty-records-sqlite": duty_log.write_sqlite,
    "duty-records-postgresql": duty_log.write_postgresql,
    "duty-days-sqlite": duty_log.days_sqlite,
    "duty-days-postgresql": duty_log.days_postgresql,
    "size-sqlite": size.size_sqlite,
    "size-postgresql": size.size_postgresql,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds per ratio")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement")
    parser.add_argument("--rows", type=int, default=1_000_000, help="violations in the large database")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    os.sched_setaffinity(0, {LOAD_CORE})
    report = Report()
    names = options.names or list(BENCHMARKS)
    with tempfile.TemporaryDirectory(prefix="hos-bench-") as folder:
        setting = ingest.Setting(Path(folder), options.rounds, options.seconds, options.rows, report)
        if any("postgresql" in name for name in names):
            with postgresql(Path(folder) / "postgresql") as url:
                setting.postgresql_url = url
                _run(names, setting)
        else:
            _run(names, setting)
    report.show()
    return 0 if report.all_hold else 1


def _run(names: list[str], setting: "ingest.Setting") -> None:
    for name in names:
        print(f"running {name}", file=sys.stderr, flush=True)
        BENCHMARKS[name](setting)


if __name__ == "__main__":
    sys.exit(main())
