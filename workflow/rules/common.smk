"""Read and check the configuration; say which file each rule starts from.

Nothing heavy is imported here: every job parses this file.
"""

import os
import re
import sys
import time
from hashlib import sha1
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

LIBRARY = str(Path(workflow.basedir, "workflow"))
sys.path.insert(0, LIBRARY)
os.environ.update(PYTHONPATH=LIBRARY)  # inherited by every script, so the checkout is the deployment

from glmtracks.benchmarks import TASKS, missing_inputs
from glmtracks.config import corpus_of, fingerprint, load, locate
from glmtracks.download import is_remote, split_region
from glmtracks.errors import InputError
from glmtracks.files import from_the_future, unwritable
from glmtracks.models.registry import KINDS, is_on_hub, seen_by
from glmtracks.provenance import commit
from glmtracks.track_names import CALIBRATED_TRACKS

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
SCORING = [name for name, row in MODELS.items() if KINDS[row["kind"]].scores]
EMBEDDING = [name for name, row in MODELS.items() if KINDS[row["kind"]].embeds]
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

# Scripts find how to fetch in the configuration, not in params: another mirror is no reason to fetch anew.
config["downloads"] = SETTINGS["downloads"]

# How many files are fetched at once, on one machine or a cluster, unless --resources downloads=N says otherwise
if "downloads" not in workflow.global_resources:
    workflow.register_resource("downloads", SETTINGS["downloads"]["parallel"])

# What is fetched: file name under results/downloads/ -> (source, kind of file, expected checksum)
DOWNLOADS = {}

# What is cut out of an indexed VCF: file name under results/downloads/ -> path or URL with #region
CUTS = {}


# What sheets name -> the file that rules read
SOURCES = {}

# Files of the user's on this machine
HERE = set()


def here(path):
    """A file of the user's, which lies on this machine or a shared file system wherever results are put."""
    HERE.add(locate(path))
    return local(locate(path))


def source_file(source, kind, sha256=""):
    """A source of a sheet as an input file: itself, or where the rule download or cut_vcf puts what is asked for."""
    file = _source_file(source, kind, sha256)
    SOURCES[f"{source} ({kind})" if is_remote(source) and "://" not in source else source] = file
    return file


def _source_file(source, kind, sha256):
    if split_region(source)[1]:
        return cut_file(source)
    if not is_remote(source):
        return here(source)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.split("?")[0].rsplit("/", 1)[-1])
    if "://" not in source:  # a provider id names no file
        name += {"fasta": ".fa.gz", "annotation": ".gff"}[kind]
    download = f"{sha1(f'{kind} {source}'.encode()).hexdigest()[:10]}-{name}"
    DOWNLOADS[download] = (source, kind, sha256)
    return f"results/downloads/{download}"


def cut_file(source):
    """The region of a VCF that a source of a sheet asks for."""
    file, region = split_region(source)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", re.sub(r"\.vcf\.b?gz.*", "", Path(file).name, flags=re.IGNORECASE))
    cut = f"{sha1(source.encode()).hexdigest()[:10]}-{name}.vcf.gz"
    CUTS[cut] = f"{file if is_remote(file) else locate(file)}#{region}"
    return f"results/downloads/{cut}"


FASTA = {name: source_file(row["fasta"], "fasta", row["sha256"]) for name, row in GENOMES.items()}
ANNOTATION = {name: source_file(row["annotation"], "annotation") for name, row in GENOMES.items() if row["annotation"]}
REPEATS_BED = {
    name: source_file(row["repeats"].removeprefix("bed:"), "bed")
    for name, row in GENOMES.items()
    if row["repeats"].startswith("bed:")
}
HELD_OUT_BED = {
    name: {
        part: source_file(row[part].removeprefix("bed:"), "bed")
        for part in ("test", "validation")
        if row[part].startswith("bed:")
    }
    for name, row in GENOMES.items()
}
NEUTRAL = {name: source_file(row["neutral"], "bed") for name, row in GENOMES.items() if row["neutral"]}
EVIDENCE = {name: source_file(row["evidence"], "evidence") for name, row in GENOMES.items() if row["evidence"]}
EMBED_BED = {
    name: source_file(row["embed_bed"], "bed") for name, row in GENOMES.items() if row["embed_bed"] and row["scored"]
}
VCF = {name: source_file(row["vcf"], "vcf", row["sha256"]) for name, row in CALLSETS.items()}
INPUTS = {
    (row["genome"], row["task"]): {key: source_file(source, key) for key, source in row["inputs"].items()}
    for row in CONFIG.benchmarks
    if (row["genome"], row["task"]) in RUNNABLE
}


def named_part(genome, part):
    """The contigs or intervals of a part of the split that the genome sheet names: a pattern, or bed:FILE."""
    return f"bed:{HELD_OUT_BED[genome][part]}" if part in HELD_OUT_BED[genome] else GENOMES[genome][part]


def annotation_of(wildcards):
    """The genome's annotation in canonical form, where it has one."""
    return f"results/genomes/{wildcards.genome}/annotation.gff3.gz" if wildcards.genome in ANNOTATION else []


def inputs_of(wildcards):
    """The files that a task needs on a genome beside what is made of the genome: key -> path."""
    return INPUTS.get((wildcards.genome, wildcards.task), {})


def able(task):
    """The models that can do a task: those that give probabilities of bases, or those that have embeddings."""
    return EMBEDDING if TASKS[task].embeds else SCORING


def holds_out(model, genome):
    """Whether the training of a model kept clear of the test part of a genome, which is then not to be looked for."""
    corpus = CORPUS_OF.get(model)
    return corpus is not None and genome in (*corpus.genomes, *corpus.held_out)


# Genome and model of every benchmark for which must be looked what the model has seen
LINTED = list(dict.fromkeys((g, m) for g, task in RUNNABLE for m in able(task) if not holds_out(m, g)))


def unable(task):
    """The models that cannot do a task -> why, in words."""
    lacking = "embeddings" if TASKS[task].embeds else "probabilities of bases, only embeddings"
    return {
        name: f"a model of the kind {row['kind']} has no {lacking}"
        for name, row in MODELS.items()
        if name not in able(task)
    }


def calibration_of(wildcards):
    """The calibration of scores, for the tracks that are computed with it."""
    calibrated = wildcards.track in CALIBRATED_TRACKS
    return f"results/tracks/{wildcards.genome}/{wildcards.model}/calibration" if calibrated else []


def corrected_by(wildcards):
    """The calibration of a model's scores, for tasks whose further scores are corrected by it."""
    wanted = TASKS[wildcards.task].corrects and SETTINGS["benchmark"]["correction"] == "pentanucleotide"
    return f"results/tracks/{wildcards.genome}/{wildcards.model}/calibration" if wanted else []


def compared(task):
    """The models whose scores of items are drawn: those that can do the task and are of no kind of baseline."""
    return [name for name in (able(task) if task else MODELS) if not KINDS[MODELS[name]["kind"]].baseline]


def of_callset(pattern):
    """An input function: `pattern` for the genome that a call set refers to."""
    return lambda wildcards: pattern.format(genome=CALLSETS[wildcards.callset]["genome"], **wildcards)


def if_scored(pattern):
    """An input function: as `of_callset`, and nothing where the genome is not scored."""
    return lambda wildcards: of_callset(pattern)(wildcards) if CALLSETS[wildcards.callset]["genome"] in SCORED else []


def callset_shards(pattern):
    """An input function: `pattern` for each shard of a call set, in order."""
    return lambda wildcards: expand(pattern, shard=shard_names(CALLSETS[wildcards.callset]["shards"]), **wildcards)


def of_genomes(pattern):
    """An input function: `pattern` for each genome that a model is trained on."""
    return lambda wildcards: expand(pattern, genome=MODELS[wildcards.model]["genomes"])


def of_corpus(pattern):
    """An input function: `pattern`, of a corpus, for a model that is trained on it."""
    return lambda wildcards: pattern.format(corpus=CORPUS_OF[wildcards.model].name)


def of_members(pattern, held_out=False):
    """An input function: `pattern` for each genome of a corpus, and for those that are only held out if wanted."""
    return lambda wildcards: expand(
        pattern,
        genome=CORPORA[wildcards.corpus].genomes + held_out * CORPORA[wildcards.corpus].held_out,
    )


def source_of(wildcards):
    """Where a loaded model is: a folder, or a checkpoint of the Hugging Face Hub."""
    source = MODELS[wildcards.model]["source"]
    return source if is_on_hub(source) else locate(source)


def seen_here(wildcards):
    """The genomes that a model was trained on, as far as they are rows of the genome sheet."""
    row = MODELS[wildcards.model]
    if wildcards.model in TRAINED:
        return row["genomes"]
    source = row["source"] if is_on_hub(row["source"]) else locate(row["source"])
    return [name for name in seen_by(source, row["seen"]) if name in GENOMES]


def of_seen(pattern):
    """An input function: `pattern` for each of these genomes."""
    return lambda wildcards: expand(pattern, genome=seen_here(wildcards))


def if_trained(pattern):
    """An input function: `pattern`, of the corpus of a model that is trained here, and nothing for others."""
    return lambda wildcards: of_corpus(pattern)(wildcards) if wildcards.model in TRAINED else []


def source_mb(wildcards):
    """MB of the weights of a loaded model; 2,000, as of half a billion, where they are still on the hub."""
    folder = Path(source_of(wildcards))
    return sum(file.stat().st_size for file in folder.glob("*")) >> 20 if folder.is_dir() else 2000


def scoring_of(genome, model):
    """The settings of scoring a genome with a model: those of the configuration and of their rows."""
    contigs = MODELS[model]["contigs"] or SETTINGS["scores"]["contigs"]
    return {**SETTINGS["scores"], "contigs": contigs, "species": GENOMES[genome]["species"]}


def if_test_only(pattern):
    """An input function: `pattern` for models that score only the test part of a genome, and nothing for others."""
    return lambda wildcards: pattern.format(**wildcards) if MODELS[wildcards.model]["part"] == "test" else []


def ucsc_name(genome):
    """What UCSC calls an assembly: the id that it was fetched by, or the name of its row."""
    provider, _, name = GENOMES[genome]["fasta"].partition(":")
    return name if provider.lower() == "ucsc" else genome


def shard_names(count):
    """0001-of-0008, 0002-of-0008 …; the count is in the name, so shards of different cuts never mix."""
    return [f"{number:04d}-of-{count:04d}" for number in range(1, count + 1)]


def shards_of(wildcards):
    """The shards of a genome × model, in genome order."""
    return expand(
        "results/scores/{genome}/{model}/{shard}.parquet",
        shard=shard_names(GENOMES[wildcards.genome]["shards"]),
        **wildcards,
    )


STARTED = time.time()


def complaints():
    """What jobs of this run said is wrong with their input: one sentence each, with the log that holds it."""
    folders = Path("results/logs"), Path(
        workflow.storage_settings.local_storage_prefix
    )  # the latter: of results in storage
    for path in sorted(path for folder in folders for path in folder.rglob("*.log")):
        if path.stat().st_mtime >= STARTED:
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("glmtracks: "):
                    yield f"{line.removeprefix('glmtracks: ')} [{path}]"


def check_places():
    """Raise WorkflowError where nothing can be written, or where a wrong clock has left files from the future."""
    if problem := unwritable("results") or (None if workflow.touch else from_the_future([*HERE, "results"])):
        raise WorkflowError(problem)


def closing_summary():
    """Wall time of each stage of this run, and how fast genomes were scored."""
    from glmtracks.status import timing

    return timing("results", since=STARTED)
