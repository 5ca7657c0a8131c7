"""The pace of deliveries: as fast as can be, slower while events come fast and wait, and never none."""

from app.alerts.pace import LEAST, MOST, TURN_SECONDS, Pace


class Meters:
    """Clocks and counts that a test sets on."""

    def __init__(self) -> None:
        self.wall = self.loop = self.process = 0.0
        self.kept = self.waiting = 0

    def pace(self, cores: int = 2) -> Pace:
        return Pace(
            lambda: self.kept,
            lambda: self.waiting,
            wall=lambda: self.wall,
            loop_cpu=lambda: self.loop,
            process_cpu=lambda: self.process,
            cores=cores,
        )

    def go_on(self, pace: Pace, *, turns: int = 1, share: float = 0.0, events: float = 0.0, waiting: int = 0) -> None:
        for _ in range(turns):
            self.wall += TURN_SECONDS * 1.001
            self.loop += TURN_SECONDS * 1.001 * share
            self.process += TURN_SECONDS * 1.001 * share
            self.kept += round(TURN_SECONDS * 1.001 * events)
            self.waiting = waiting
            pace.judge()


def begun(pace: Pace) -> int:
    count = 0
    while count < 10_000 and pace.may_begin():
        count += 1
    return count


def test_it_does_not_give_way_to_few_events_or_spare_time() -> None:
    meters = Meters()
    pace = meters.pace()
    meters.go_on(pace, turns=20, share=1.0, events=200)
    assert not pace.gives_way
    meters.go_on(pace, turns=20, share=0.5, events=5000)
    assert not pace.gives_way


def test_it_gives_way_when_there_is_no_time_to_spare_and_comes_back() -> None:
    meters = Meters()
    pace = meters.pace()
    meters.go_on(pace, share=0.95, events=5000)
    assert pace.gives_way
    meters.go_on(pace, turns=20, share=0.95, events=5000)
    begun(pace)
    meters.go_on(pace, share=0.95, events=5000)
    assert begun(pace) == round(LEAST * TURN_SECONDS)
    meters.go_on(pace, turns=20, share=0.2, events=0)
    assert begun(pace) == round(MOST * TURN_SECONDS)


def test_it_gives_way_when_events_wait_for_the_database() -> None:
    meters = Meters()
    pace = meters.pace()
    meters.go_on(pace, share=0.3, events=5000, waiting=64)
    assert pace.gives_way


def test_all_cores_of_a_process_that_has_one_are_one() -> None:
    meters = Meters()
    pace = meters.pace(cores=1)
    meters.wall, meters.process, meters.kept = TURN_SECONDS * 1.001, TURN_SECONDS * 0.95, 1000
    pace.judge()
    assert pace.gives_way
