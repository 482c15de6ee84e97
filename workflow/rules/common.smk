"""Read and check the configuration: genomes, models, tasks, and which models can do which tasks.

Nothing heavy is imported here: every job parses this file.
"""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

LIBRARY = str(Path(workflow.current_basedir).parent)  # not that of a workflow which takes this one in as a module
sys.path.insert(0, LIBRARY)
os.environ.update(PYTHONPATH=LIBRARY)  # inherited by every script, so the checkout is the deployment

from glmtracks.benchmarks import TASKS, missing_inputs
from glmtracks.config import corpus_of, fingerprint, load
from glmtracks.errors import InputError
from glmtracks.models.registry import KINDS, is_on_hub
from glmtracks.shard_count import shard_names
from glmtracks.sheets import locate

# Of params Snakemake records the values, of inputs the paths, and of neither which is which or in what order. So what
# could change places without being noticed, such as two patterns of contigs, is one param, a dictionary or a list.

# A configuration given on the command line takes the place of the demo's; it is not merged into it.
if not workflow.configfiles:

    configfile: locate("config/config.yaml")


try:
    CONFIG = load(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

SETTINGS = CONFIG.settings
GENOMES, MODELS, CALLSETS = CONFIG.genomes, CONFIG.models, CONFIG.callsets
SCORED = [name for name, row in GENOMES.items() if row["scored"]]
TRAINED = [name for name, row in MODELS.items() if row["source"] == "train"]
CORPUS_OF = {model: corpus_of(MODELS[model]) for model in TRAINED}
CORPORA = {corpus.name: corpus for corpus in CORPUS_OF.values()}
LOADED = [name for name in MODELS if name not in TRAINED]
EMBEDDING = [name for name, row in MODELS.items() if KINDS[row["kind"]].embeds]
# The models that score, and embed, each scored genome
SCORED_BY = {g: [m for m in GENOMES[g]["models"] if KINDS[MODELS[m]["kind"]].scores] for g in SCORED}
EMBEDDED_BY = {g: [m for m in GENOMES[g]["models"] if m in EMBEDDING] for g in SCORED}
TRACKS = SETTINGS["tracks"]["bigwigs"]


def one_of(names):
    """A wildcard constraint for exactly these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    genome=one_of(GENOMES),
    model=one_of(MODELS),
    corpus=one_of(CORPORA),
    callset=one_of(CALLSETS),
    track=one_of(TRACKS),
    shard=r"\d{4}-of-\d{4}",


def tasks():
    """The (genome, task) pairs of the benchmark sheet that have their inputs; why the others are skipped."""
    runnable, skipped = [], {}
    for row in CONFIG.benchmarks:
        reason = missing_inputs(row["task"], GENOMES[row["genome"]], row["inputs"])
        if reason:
            skipped[row["genome"], row["task"]] = reason
        else:
            runnable.append((row["genome"], row["task"]))
    return runnable, skipped


RUNNABLE, SKIPPED = tasks()


def able(genome, task):
    """The models of a genome that can do a task: those that give probabilities of bases, or that have embeddings."""
    return (EMBEDDED_BY if TASKS[task].embeds else SCORED_BY)[genome]


def holds_out(model, genome):
    """Whether the training of a model kept clear of the test part of a genome, which is then not to be looked for."""
    corpus = CORPUS_OF.get(model)
    return corpus is not None and genome in (*corpus.genomes, *corpus.held_out)


# Genome and model of every benchmark for which must be looked what the model has seen
LINTED = list(dict.fromkeys((g, m) for g, task in RUNNABLE for m in able(g, task) if not holds_out(m, g)))


def unable(genome, task):
    """The models of a genome that cannot do a task -> why, in words."""
    lacking = "embeddings" if TASKS[task].embeds else "probabilities of bases, only embeddings"
    return {
        name: f"a model of the kind {MODELS[name]['kind']} has no {lacking}"
        for name in GENOMES[genome]["models"]
        if name not in able(genome, task)
    }


def is_baseline(model):
    """Whether a model is of a kind of baseline, or a network that is left untrained."""
    row = MODELS[model]
    return KINDS[row["kind"]].baseline or (model in TRAINED and row["parameters"]["steps"] == 0)


def compared(genome, task):
    """The models whose scores of items are drawn: those that can do the task and are of no kind of baseline."""
    names = able(genome, task) if task else GENOMES[genome]["models"]
    return [name for name in names if not KINDS[MODELS[name]["kind"]].baseline]


def scoring_of(genome, model):
    """The settings of scoring a genome with a model: those of the configuration and of their rows."""
    contigs = MODELS[model]["contigs"] or SETTINGS["scores"]["contigs"]
    return {**SETTINGS["scores"], "contigs": contigs, "species": GENOMES[genome]["species"]}


def contig_patterns(genome):
    """Use -> model -> the pattern of the contigs of a genome that the model is asked about, by names of models."""
    scores = {model: scoring_of(genome, model)["contigs"] for model in sorted(SCORED_BY[genome])}
    embeddings = dict.fromkeys(sorted(EMBEDDED_BY[genome]), SETTINGS["embeddings"]["contigs"])
    return {"scores": scores, "embeddings": embeddings}


def ucsc_name(genome):
    """What UCSC calls an assembly: the id that it was fetched by, or the name of its row."""
    provider, _, name = GENOMES[genome]["fasta"].partition(":")
    return name if provider.lower() == "ucsc" else genome
