"""The benchmark tasks by name. Imported while the Snakefile is parsed, so it imports nothing heavy itself.

A new task is one module beside this file and one entry in `TASKS`. The module has five public names:

    items(inputs) -> DataFrame               one row per item: contig, start, ref, alt, label, contrast, stratum, block
    score(items, llr) -> DataFrame           what a model says of each item, from its four llr: column `score`, and more
    contrasts(items) -> list[Contrast]       which items are compared in which row of the summary
    baselines_of(items) -> list[Scorer]      what a model must beat, besides the rows of Markov models
    METRICS: tuple[Metric, ...]              the statistics; the first is the headline

`snvs` holds all that tasks on single-nucleotide variants share.
"""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from glmtracks.errors import InputError


@dataclass(frozen=True)
class Task:
    """What the workflow knows of a task without running it.

    module    name of the module of this package that does the work
    needs     columns of the genome sheet that must be filled in
    score     name of the model score with its sign, fixed before anything is scored; higher = more like label 1
    headline  metric whose difference to the best baseline is the result
    question  what the task asks, one sentence for logs and the report
    """

    module: str
    needs: tuple[str, ...]
    score: str
    headline: str
    question: str


TASKS = {
    "perplexity": Task(
        "perplexity",
        (),
        "log P(ref)",
        "nats_per_base",
        "How well are held-out bases predicted from their surroundings?",
    ),
    "consequence": Task(
        "consequence",
        ("annotation",),
        "-llr",
        "auroc_within_stratum",
        "Are changes that alter the gene product scored as less likely than synonymous ones?",
    ),
    "outgroup": Task(
        "outgroup",
        ("outgroups",),
        "llr",
        "auroc_within_stratum",
        "Are substitutions that a sister species carries scored as more likely than matched ones that it does not?",
    ),
}


def get_task(name: str) -> Task:
    """The task called `name`. Raises InputError with the known names if there is none."""
    if name not in TASKS:
        raise InputError(f"{name!r} is not a benchmark task; known are {', '.join(TASKS)}")
    return TASKS[name]


def task_module(name: str) -> ModuleType:
    """The module of a task, imported on first use. Raises InputError for an unknown name."""
    return import_module(f"{__name__}.{get_task(name).module}")


def missing_inputs(name: str, genome_row: dict) -> str | None:
    """Why a task cannot be run on a genome, or None if it can.

    name        a task
    genome_row  row of the genome sheet: column -> value; empty, None and [] count as missing

    >>> missing_inputs("consequence", {"name": "yeast", "annotation": ""})
    'consequence on yeast needs the column annotation of the genome sheet, which is empty'
    """
    absent = [column for column in get_task(name).needs if not genome_row.get(column)]
    if not absent:
        return None
    columns = f"column {absent[0]}" if len(absent) == 1 else f"columns {' and '.join(absent)}"
    verb = "is" if len(absent) == 1 else "are"
    return f"{name} on {genome_row.get('name')} needs the {columns} of the genome sheet, which {verb} empty"
