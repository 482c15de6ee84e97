"""The benchmark tasks by name. Imported while the Snakefile is parsed, so it imports nothing heavy itself.

A new task is one module beside this file and one entry in `TASKS`. The module has six public names, and may have two:

    items(inputs) -> DataFrame               one row per item: see `inputs.draw_items`
    READS: tuple[str, ...]                   columns of a model's scores that are read, averaged over each item's bases
                                             (see `scores.read_means`)
    score(items, values) -> DataFrame        what a model says of each item, from those: column `score`, and more;
                                             a task that embeds gets the items' embeddings instead
    contrasts(items) -> list[Contrast]       which items are compared in which row of the summary
    baselines_of(items) -> list[Scorer]      what a model must beat, besides the rows of Markov models
    METRICS: tuple[Metric, ...]              the statistics; the first is the headline
    USES: tuple[str, ...]                    columns of the items that `score` needs beside `inputs.ITEM_COLUMNS`
    derived(items, scorer) -> list[Scorer]   further scores of a model, such as a sum with a conservation score: each
                                             is printed with its difference, none is the headline

`columns` holds what tasks share whose baselines are columns of their items, `snvs` what those on single-nucleotide
variants share beside it, and `matching` how comparison items are found.
"""

from collections.abc import Mapping
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
    inputs    keys that the column inputs of its benchmark row must have: files; a key is also a kind of
              `glmtracks.download`
    optional  keys that it may have
    corrects  whether `score` takes a `calibration` too, where the configuration asks for scores corrected by it
    embeds    whether it judges embeddings; only models that have them enter, and `score` takes those of the items
    alters    whether models are asked afresh about sequence that does not stand in the genome (see `altered`)
    """

    module: str
    needs: tuple[str, ...]
    score: str
    headline: str
    question: str
    inputs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    corrects: bool = False
    embeds: bool = False
    alters: bool = False


CONSERVATION = ("phylop", "phastcons")

# Under these names baselines that are no models stand in the summary, beside the models, which must be called otherwise
BASELINES = frozenset(
    (
        *("random", "constant", "uniform", "substitution", "trinucleotide", "transition"),
        *("gc", "cpg", "gc_cpg", "repeat_fraction", "matched_covariates", "kmer_spectrum", "cnn", "weight_matrix"),
        *("distance_cds", "distance_splice", "distance_tss", "consequence_rank", *CONSERVATION),
    )
)

TASKS = {
    "perplexity": Task(
        "perplexity",
        (),
        "log P(ref)",
        "nats_per_base",
        "How well are held-out bases predicted from their surroundings?",
    ),
    "sites": Task(
        "sites",
        ("annotation",),
        "log P(ref)",
        "accuracy",
        "How well are the bases of splice sites, start and stop codons and codon positions predicted?",
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
    "splice_decoy": Task(
        "splice_decoy",
        ("annotation",),
        "-llr_mean",
        "auroc",
        "Are splice sites told from the same letters elsewhere in the gene?",
    ),
    "windows": Task(
        "windows",
        ("annotation",),
        "probe of embeddings",
        "macro_f1",
        "Do embeddings tell the parts of a genome apart, better than the words of its sequence do?",
        embeds=True,
    ),
    "assay": Task(
        "assay",
        (),
        "llr",
        "spearman",
        "Are variants ranked as saturation mutagenesis and deep mutational scans rank them?",
        inputs=("assay",),
        optional=CONSERVATION,
    ),
    "elements": Task(
        "elements",
        (),
        "constraint",
        "auroc",
        "Are annotated elements scored as more constrained than matched windows of the genome, and than shuffles of "
        "themselves?",
        inputs=("bed",),
        alters=True,
    ),
    "clinvar": Task(
        "clinvar",
        (),
        "-llr",
        "auroc",
        "Are variants that cause disease scored as less likely than benign and than common ones?",
        inputs=("clinvar",),
        optional=("population", *CONSERVATION),
        corrects=True,
    ),
    "allele_frequency": Task(
        "allele_frequency",
        (),
        "-llr",
        "auroc_within_stratum",
        "Are alleles that stay rare in a population scored as less likely than those that became common?",
        inputs=("population",),
        optional=("callable", *CONSERVATION),
        corrects=True,
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


def missing_inputs(name: str, genome_row: dict, given: Mapping[str, str]) -> str | None:
    """Why a task cannot be run on a genome, or None if it can.

    name        a task
    genome_row  row of the genome sheet: column -> value; empty, None and [] count as missing
    given       the column inputs of the task's row of the benchmark sheet: key -> file

    >>> missing_inputs("consequence", {"name": "yeast", "annotation": ""}, {})
    'consequence on yeast needs the column annotation of the genome sheet, which is empty'
    >>> missing_inputs("elements", {"name": "yeast"}, {})
    'elements on yeast needs bed=FILE in the column inputs of the benchmark sheet'
    """
    task = get_task(name)
    columns = [column for column in task.needs if not genome_row.get(column)]
    files = [f"{key}=FILE" for key in task.inputs if not given.get(key)]
    wanted = []
    if columns:
        plural, verb = ("", "is") if len(columns) == 1 else ("s", "are")
        wanted.append(f"the column{plural} {' and '.join(columns)} of the genome sheet, which {verb} empty")
    if files:
        wanted.append(f"{'; '.join(files)} in the column inputs of the benchmark sheet")
    return f"{name} on {genome_row.get('name')} needs {', and '.join(wanted)}" if wanted else None
