"""What became of the alleles of a call set: how many have a score, and why others have none."""

from collections import Counter
from pathlib import Path

from glmtracks.parquet import checked

ROWS = 1 << 20  # held at a time


def count_reasons(path: Path) -> tuple[int, dict[str, int]]:
    """Alleles of the Parquet file of an annotated call set, and how many of them have no score for each reason.

    The commonest reason comes first.
    """
    counts: Counter[str | None] = Counter()
    with checked(path, "table") as table:
        for batch in table.iter_batches(ROWS, columns=["reason"]):
            counts.update({entry["values"]: entry["counts"] for entry in batch["reason"].value_counts().to_pylist()})
    return counts.total(), {reason: count for reason, count in counts.most_common() if reason is not None}
