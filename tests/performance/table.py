"""The figures that are measured, as a table to read and as TSV."""

from pathlib import Path
from typing import NamedTuple

from glmtracks.files import atomic

COLUMNS = ("name", "value", "goal", "met", "note")
RELATIONS = {"≥": float.__ge__, "≤": float.__le__, ">": float.__gt__}


class Measured(NamedTuple):
    """A figure: its name, its value, what it should be ("≥ 0.45"; "" where it is only told), and how it came about."""

    name: str
    value: float
    goal: str = ""
    note: str = ""

    @property
    def met(self) -> str:
        """yes or no; nothing without a goal."""
        if not self.goal:
            return ""
        relation, number = self.goal.split()
        return "yes" if RELATIONS[relation](float(self.value), float(number)) else "no"

    def cells(self) -> tuple[str, ...]:
        """What stands under `COLUMNS`."""
        return self.name, f"{self.value:.4f}", self.goal, self.met, self.note


def aligned(figures: list[Measured]) -> str:
    """The figures as lines of text, columns below each other, values flush right."""
    rows = [COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ("<", ">", "<", "<", "<")
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def write_table(figures: list[Measured], path: Path) -> None:
    """Write the figures as TSV."""
    with atomic(path) as temporary:
        lines = ["\t".join(row) for row in (COLUMNS, *(figure.cells() for figure in figures))]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
