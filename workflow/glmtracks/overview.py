"""The summary table as people read it: `python -m glmtracks.overview results` prints its headline rows.

Also how every other module that reports results reads that table and writes a number with its interval.
"""

import signal
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.errors import InputError

SUMMARY = "benchmarks/summary.tsv"
INTERVALS = ("value", "low", "high", "difference", "difference_low", "difference_high")
COUNTS = ("n_items", "n_positives", "n_negatives", "n_unscored", "n_blocks")
NUMBERS = (*INTERVALS, *COUNTS, "base_rate", "best_baseline_value")
IDENTITY = ("genome", "task", "contrast", "scorer", "scorer_kind", "model_kind", "score_name", "metric", "headline")
TEXT = (*IDENTITY, "block_kind", "best_baseline", "verdict", "seen", "model_hash", "status")
VERDICTS = {"better": "better", "worse": "LOSES", "undecided": "undecided", "": "no interval"}
HEADER = ("genome", "task", "contrast", "scorer", "value [95 %]", "best baseline", "difference [95 %]", "verdict")


def read_summary(*paths: str | Path) -> pd.DataFrame:
    """The summary tables at `paths` as one, numbers as float64 and everything else as text, empty where there is none.

    Columns are those of `glmtracks.benchmarks.summary.COLUMNS`; names such as "NA" stay names. Raises InputError for a
    file of no byte.
    """
    types = dict.fromkeys(TEXT, str)
    missing = {name: ["", "nan"] for name in NUMBERS}
    options = {"sep": "\t", "dtype": types, "keep_default_na": False, "na_values": missing}
    tables = [pd.DataFrame(columns=[*TEXT, *NUMBERS]), *(_read_table(path, options) for path in paths)]
    types |= dict.fromkeys(NUMBERS, float)
    return pd.concat([table.astype(types) for table in tables], ignore_index=True)


def _read_table(path: str | Path, options: dict) -> pd.DataFrame:
    try:
        return pd.read_csv(path, **options)
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty, even of a header; delete it and run again") from None


def headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows in which the result of a task is read: its headline metric, for every model that is not a baseline."""
    return summary[(summary["headline"] == "yes") & (summary["scorer_kind"] == "model")]


def skipped(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows that only say why a task, or a model in a task, has no result; columns genome, task, scorer, status."""
    return summary.loc[summary["status"].str.startswith("skipped"), ["genome", "task", "scorer", "status"]]


def with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    """A number and its interval to three decimals.

    >>> with_interval(0.7123, 0.70, 0.7251)
    '0.712 [0.700, 0.725]'
    >>> with_interval(-0.01, np.nan, np.nan, sign="+")
    '−0.010'
    """
    if not np.isfinite(value):
        return "–"
    text = f"{value:{sign}.3f}" + (f" [{low:{sign}.3f}, {high:{sign}.3f}]" if np.isfinite(low) else "")
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share in per cent to two digits, and to as many more as tell it from all.

    >>> percent(0.876), percent(0.99962), percent(0.000012), percent(1)
    ('88', '99.96', '0.0012', '100')
    """
    if 0.995 <= share < 1:
        return f"{100 - Decimal(f'{100 * (1 - share):.1g}'):f}"
    return f"{Decimal(f'{100 * share:.2g}'):f}"


def overview(results: str | Path) -> str:
    """The headline rows as an aligned text table, and where the report and the tracks lie (relative to the parent)."""
    results = Path(results)
    if not (results / SUMMARY).exists():
        return f"There are no results yet: {results / SUMMARY} does not exist. Run snakemake --cores 2 first."
    summary = read_summary(results / SUMMARY)
    rows = [HEADER, *(_cells(row) for row in headlines(summary).itertuples())]
    lines = aligned(rows) if len(rows) > 1 else ["No task has a result for a model that is not a baseline."]
    lines += [f"not run: {', '.join(filter(None, row[1:4]))}: {row.status}" for row in skipped(summary).itertuples()]
    return "\n".join(["", *lines, "", *_places(results)])


def _cells(row) -> tuple[str, ...]:
    if not np.isfinite(row.value):
        return row.genome, row.task, row.contrast, row.scorer, "–", "", "", row.status
    best = f"{row.best_baseline} {row.best_baseline_value:.3f}" if row.best_baseline else "none"
    difference = with_interval(row.difference, row.difference_low, row.difference_high, sign="+")
    value = with_interval(row.value, row.low, row.high)
    return row.genome, row.task, row.contrast, row.scorer, value, best, difference, VERDICTS[row.verdict]


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Cells padded to the width of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _places(results: Path) -> list[str]:
    """Where to look next: only what exists."""
    places = (
        ("report", "report/index.html"),
        ("all rows", SUMMARY),
        ("tracks", "tracks/*/*/*.bw"),
        ("scores", "tracks/*/*/scores"),
        ("variants", "variants/*/*.vcf.gz"),
        ("embeddings", "embeddings/*/*.parquet"),
    )
    width = max(len(name) for name, _ in places)
    return [f"{name.ljust(width)}  {results / path}" for name, path in places if any(results.glob(path))]


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as head that has enough ends it without a word
    try:
        print(overview(*sys.argv[1:2] or ["results"]))
    except InputError as error:
        sys.exit(f"glmtracks: {error}")
