"""One table of all genomes and tasks, and what a benchmark has to know of each model."""

from pathlib import Path

import pandas as pd

from glmtracks.benchmarks.summary import COLUMNS
from glmtracks.files import atomic
from glmtracks.models.registry import read_config


def describe_models(configs: list[str], genome: str) -> list[dict]:
    """Name, kind, hash, and whether it saw the genome, of the models whose config.json are given.

    `seen` is "held out" where the model was trained here on other parts of this genome, "yes" where it was trained
    elsewhere on this genome, "no", or "unknown".
    """
    models = []
    for path in configs:
        folder = Path(path).parent
        config = read_config(folder)
        listed = config.get("seen", ["unknown"])
        seen = ("held out" if "training" in config else "yes") if genome in listed else "no"
        if "unknown" in listed:
            seen = "unknown"
        models.append({"name": folder.name, "kind": config["kind"], "seen": seen, "hash": config["sha256"]})
    return models


def gather(tables: list[str], skipped: list[tuple[str, str, str]], output: str) -> None:
    """Write the summaries of all tasks as one table, with a row for each (genome, task, reason) that was skipped."""
    rows = [pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False) for table in tables]
    if skipped:
        rows.append(pd.DataFrame([{"genome": g, "task": t, "status": f"skipped: {why}"} for g, t, why in skipped]))
    table = pd.concat(rows) if rows else pd.DataFrame()
    with atomic(output) as temporary:
        table.reindex(columns=list(COLUMNS)).fillna("").to_csv(temporary, sep="\t", index=False)
