"""Random violations that are plain to count: one creation each, some invalidated. For models of what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.maven.examples import Json
from tests.query.reading import ALL, created, invalidated

TERMINALS = ["PGH", "pgh", "a, b", "", None]
TYPES = ["shift_drive", "Break", "\U0001f69a", "\uffee"]
RULESETS = ["USA_PROPERTY_70_8", "", None]
LOG_DATES = ["2024-01-01", "2024-01-02", None]


@dataclass(frozen=True)
class Sample:
    """A violation. Times are ISO 8601 of one form, so that they sort as text."""

    id: str
    driver: str
    name: str | None
    terminal: str | None
    type: str
    ruleset: str | None
    log_date: str | None
    minutes: int | None
    start_time: str
    event_time: str
    is_active: bool

    @property
    def is_egregious(self) -> bool:
        return self.type == "shift_drive" and self.minutes is not None and self.minutes > 180

    def is_visible_to(self, key: str) -> bool:
        return key == ALL or self.terminal in key.split(",")

    def events(self) -> list[dict[str, Json]]:
        """What Maven would have sent."""
        creation = created(
            self.id,
            self.terminal,
            driverId=self.driver,
            driverName=self.name,
            type=self.type,
            ruleset=self.ruleset,
            logDate=self.log_date,
            duration=None if self.minutes is None else f"{self.minutes // 60}:{self.minutes % 60:02d}",
            startTime=self.start_time,
            eventTime=self.event_time,
            startData=None,
            endData=None,
        )
        return [creation] if self.is_active else [creation, invalidated(self.id, eventTime="2025-01-01T00:00:00Z")]


def _sample(number: int, fields: Mapping[str, object]) -> Sample:
    return Sample(id=f"v{number}", **fields)  # type: ignore[arg-type]


def samples() -> st.SearchStrategy[list[Sample]]:
    """Up to twenty violations of a few drivers."""
    times = st.sampled_from(["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-02-01T00:00:00Z"])
    fields = st.fixed_dictionaries(
        {
            "driver": st.sampled_from(["D1", "d1", "D2", "\U0001f69a", "\uffee", "a,b", "x/y"]),
            "name": st.sampled_from(["Doe, John", "Zoë", None]),
            "terminal": st.sampled_from(TERMINALS),
            "type": st.sampled_from(TYPES),
            "ruleset": st.sampled_from(RULESETS),
            "log_date": st.sampled_from(LOG_DATES),
            "minutes": st.sampled_from([0, 180, 181, None]),
            "start_time": times,
            "event_time": times,
            "is_active": st.sampled_from([True, True, False]),
        }
    )
    return st.lists(fields, max_size=20).map(lambda drawn: [_sample(n, f) for n, f in enumerate(drawn)])
