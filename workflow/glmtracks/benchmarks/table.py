"""One table of all genomes and tasks, and what a benchmark has to know of each model."""

import logging
from pathlib import Path

import pandas as pd

from glmtracks.benchmarks.summary import COLUMNS, not_run
from glmtracks.files import atomic
from glmtracks.models.registry import KINDS, read_config
from glmtracks.windows.split import read_split

logger = logging.getLogger(__name__)


def describe_models(configs: list[str], genome: str, split: str) -> list[dict]:
    """What the benchmark says of each model, from its config.json: name, kind, hash, baseline and seen.

    Baselines are the kinds that the registry says are, and models left untrained. `split` is the genome's split.tsv.
    """
    table = read_split(split)
    tested = set(table["contig"][table["split"] == "test"])
    models = []
    for path in configs:
        folder = Path(path).parent
        config = read_config(folder)
        baseline = KINDS[config["kind"]].baseline or config.get("training", {}).get("steps") == 0
        facts = {"kind": config["kind"], "seen": seen_status(config, genome, tested), "hash": config["sha256"]}
        models.append({"name": folder.name, **facts, "baseline": baseline})
    return models


def seen_status(config: dict, genome: str, tested: set[str]) -> str:
    """Whether a model saw a genome, of which the contigs `tested` are the test part, by its config.json.

    "held out" where it was trained on other parts of this genome: here by the same split, or elsewhere without any
    contig of the test part. "yes" where it was trained on this genome otherwise, "no", or "unknown".
    """
    listed = config.get("seen", ["unknown"])
    if genome not in listed:
        return "unknown" if "unknown" in listed else "no"
    trained_here = not config.get("loaded", False)
    return "held out" if trained_here or tested <= set(config.get("held_out", {}).get(genome, [])) else "yes"


def gather(tables: list[str], skipped: list[tuple[str, str, str]], output: str, config_hash: str = "") -> None:
    """Write the summaries of all tasks as one table, with a row for each (genome, task, reason) that was skipped.

    What was skipped is logged too, since a run that leaves something out must say so. `config_hash`, of
    `config.fingerprint`, stands in every row.
    """
    rows = [pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False) for table in tables]
    rows += [not_run(genome, task, f"skipped: {why}") for genome, task, why in skipped]
    for *_, why in skipped:
        logger.warning("skipped: %s", why)
    table = (pd.concat(rows) if rows else pd.DataFrame()).assign(config_hash=config_hash)
    with atomic(output) as temporary:
        table.reindex(columns=list(COLUMNS)).fillna("").to_csv(temporary, sep="\t", index=False)
