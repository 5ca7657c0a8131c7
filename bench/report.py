"""Figures, their bounds and their spread, as one table."""

import statistics
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: values of each round, and the bound that the median must keep."""

    name: str
    values: tuple[float, ...]
    bound: float
    is_at_least: bool
    unit: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        return self.median >= self.bound if self.is_at_least else self.median <= self.bound

    def cells(self) -> tuple[str, ...]:
        """The figure as a row of the table."""
        spread = f"{_shown(min(self.values))} … {_shown(max(self.values))}"
        bound = f"{'≥' if self.is_at_least else '≤'} {_shown(self.bound)}{self.unit}"
        return (
            self.name, f"{_shown(self.median)}{self.unit}", spread, bound, "yes" if self.holds else "NO", self.note,
        )  # fmt: skip


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(slots=True)
class Report:
    """All figures of a run."""

    figures: list[Figure] = field(default_factory=list)

    def at_least(self, name: str, values: list[float], bound: float, unit: str = "", note: str = "") -> None:
        """A figure that must not be smaller than its bound."""
        self._add(Figure(name, tuple(values), bound, True, unit, note))

    def at_most(self, name: str, values: list[float], bound: float, unit: str = "", note: str = "") -> None:
        """A figure that must not be larger than its bound."""
        self._add(Figure(name, tuple(values), bound, False, unit, note))

    def _add(self, figure: Figure) -> None:
        self.figures.append(figure)
        print("  " + "  ".join(figure.cells()), flush=True)

    @property
    def all_hold(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def show(self) -> None:
        """Prints the table."""
        table = Table(title="hos-receiver benchmarks: median of rounds, spread, bound")
        for heading in ("figure", "median", "spread", "bound", "holds", "beside"):
            table.add_column(heading, justify="left" if heading in ("figure", "beside") else "right")
        for figure in self.figures:
            table.add_row(*figure.cells())
        Console(width=160).print(table)
