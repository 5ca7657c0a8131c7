"""`python -m bench.scale`: a working day of many drivers, made up second by second, and what it asks of the service.

Which share of drivers has a violation on a day is not published, so it is a parameter, and the table has three. Drivers
begin their shifts around six in the morning of their time zone, some in the evening; limits are met near the end of a
shift, a part of the violations is invalidated when logs are edited, most of that in the next morning. Bytes and events
a second that one machine takes are measured by `bench`; they are given here as options.
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass

ALL_DRIVERS = 3_500_000
"""Holders of a commercial licence in the USA who drive, about."""

FLEETS = (1_000, 20_000, 200_000, ALL_DRIVERS)

ZONES = ((-5, 0.47), (-6, 0.33), (-7, 0.07), (-8, 0.13))
"""Hours from UTC, and the share of the population."""

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Load:
    """What a day asks."""

    drivers: int
    share: float
    violations: int
    events: int
    peak_second: int
    peak_minute: float
    """Events a second, averaged over the busiest minute."""

    def row(self, bytes_of_event: float, events_per_second: float) -> str:
        """One line of the table."""
        yearly = self.events * 365 * bytes_of_event
        cells = (
            f"{self.drivers:,}",
            f"{self.share:.0%}",
            f"{self.events:,}",
            f"{self.events / DAY:,.1f}",
            f"{self.peak_minute:,.1f}",
            f"{self.peak_second:,}",
            f"{yearly / 1e9:,.1f} GB",
            f"{self.peak_second / events_per_second:.1%}",
        )
        return f"| {' | '.join(cells)} |"


def day_of(drivers: int, share: float, edited: float, seed: int) -> Load:
    """A day in which `share` of the drivers have a violation, and `edited` of these are invalidated later."""
    chance = random.Random(seed)
    violations = _binomial(chance, drivers, share)
    seconds: Counter[int] = Counter()
    hours, weights = zip(*ZONES, strict=True)
    for hour in chance.choices(hours, weights, k=violations):
        begins = chance.gauss(6, 1.5) if chance.random() < 0.8 else chance.gauss(18, 2)
        worked = min(14.0, max(4.0, chance.gauss(12, 2)))
        seconds[int((begins - hour + worked) * HOUR) % DAY] += 1
        if chance.random() < edited:
            edits = chance.gauss(8, 1) if chance.random() < 0.8 else chance.uniform(0, 24)
            seconds[int((edits - hour) * HOUR) % DAY] += 1
    minutes: Counter[int] = Counter()
    for second, count in seconds.items():
        minutes[second // 60] += count
    return Load(drivers, share, violations, seconds.total(), max(seconds.values()), max(minutes.values()) / 60)


def duty_records(drivers: int, records: int, seed: int) -> tuple[int, float]:
    """Duty log records of a day, and how many come in a second of the busiest minute. A hundredth of many drivers is
    made up and multiplied."""
    chance = random.Random(seed)
    sample = max(1, min(drivers, drivers // 100 if drivers > 100_000 else drivers))
    minutes: Counter[int] = Counter()
    hours, weights = zip(*ZONES, strict=True)
    for hour in chance.choices(hours, weights, k=sample):
        begins = chance.gauss(6, 1.5) if chance.random() < 0.8 else chance.gauss(18, 2)
        worked = min(14.0, max(4.0, chance.gauss(12, 2)))
        # A shift begins and ends with several records: on duty, inspection, driving; off duty, the day's certification.
        at = [0.0, 0.1, 0.3, worked, worked + 0.05, *(chance.uniform(0, worked) for _ in range(records - 5))]
        for offset in at:
            minutes[int((begins - hour + offset) * 60) % 1440] += 1
    factor = drivers / sample
    return drivers * records, max(minutes.values()) * factor / 60


def _binomial(chance: random.Random, tries: int, share: float) -> int:
    """How many of `tries` happen; by the normal distribution, as there are many."""
    return max(1, round(chance.gauss(tries * share, (tries * share * (1 - share)) ** 0.5)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--bytes", type=float, default=3_000, help="stored for an event, with its indexes")
    parser.add_argument("--rate", type=float, default=1_000, help="single events a second that one machine takes")
    parser.add_argument("--edited", type=float, default=0.3, help="share of violations that are invalidated")
    parser.add_argument("--records", type=int, default=25, help="duty log records of a driver on a day")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(
        "| drivers | with a violation | events a day | mean/s | peak minute/s | peak second | a year | of one machine |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for drivers in FLEETS:
        for share in (0.02, 0.10, 0.30):
            print(day_of(drivers, share, options.edited, options.seed).row(options.bytes, options.rate))
    print("\n| drivers | duty log records a day | mean/s | peak minute/s |")
    print("|---|---|---|---|")
    for drivers in FLEETS:
        records, peak = duty_records(drivers, options.records, options.seed)
        print(f"| {drivers:,} | {records:,} | {records / DAY:,.0f} | {peak:,.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
