"""Input functions: the files that a job needs, from its wildcards."""

from glmtracks.models.registry import seen_by
from glmtracks.track_names import CALIBRATED_TRACKS


def of_genomes(pattern):
    """An input function: `pattern` for each genome that a model is trained on."""
    return lambda wildcards: expand(pattern, genome=MODELS[wildcards.model]["genomes"])


def of_corpus(pattern):
    """An input function: `pattern`, of a corpus, for a model that is trained on it."""
    return lambda wildcards: pattern.format(corpus=CORPUS_OF[wildcards.model].name)


def if_trained(pattern):
    """An input function: `pattern`, of the corpus of a model that is trained here, and nothing for others."""
    return lambda wildcards: of_corpus(pattern)(wildcards) if wildcards.model in TRAINED else []


def of_members(pattern, held_out=False):
    """An input function: `pattern` for each genome of a corpus, and for those that are only held out if wanted."""
    return lambda wildcards: expand(
        pattern,
        genome=CORPORA[wildcards.corpus].genomes + held_out * CORPORA[wildcards.corpus].held_out,
    )


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


def annotation_of(wildcards):
    """The genome's annotation in canonical form, where it has one."""
    return f"results/genomes/{wildcards.genome}/annotation.gff3.gz" if wildcards.genome in ANNOTATION else []


def inputs_of(wildcards):
    """The files that a task needs on a genome beside what is made of the genome: key -> path."""
    return INPUTS.get((wildcards.genome, wildcards.task), {})


def shards_of(wildcards):
    """The shards of a genome × model, in genome order."""
    return expand(
        "results/scores/{genome}/{model}/{shard}.parquet",
        shard=shard_names(GENOMES[wildcards.genome]["shards"]),
        **wildcards,
    )


def if_test_only(pattern):
    """An input function: `pattern` for models that score only the test part of a genome, and nothing for others."""
    return lambda wildcards: pattern.format(**wildcards) if MODELS[wildcards.model]["part"] == "test" else []


def calibration_of(wildcards):
    """The calibration of scores, for the tracks that are computed with it."""
    calibrated = wildcards.track in CALIBRATED_TRACKS
    return f"results/tracks/{wildcards.genome}/{wildcards.model}/calibration" if calibrated else []


def corrected_by(wildcards):
    """The calibration of a model's scores, for tasks whose further scores are corrected by it."""
    wanted = TASKS[wildcards.task].corrects and SETTINGS["benchmark"]["correction"] == "pentanucleotide"
    return f"results/tracks/{wildcards.genome}/{wildcards.model}/calibration" if wanted else []


def of_callset(pattern):
    """An input function: `pattern` for the genome that a call set refers to."""
    return lambda wildcards: pattern.format(genome=CALLSETS[wildcards.callset]["genome"], **wildcards)


def if_scored(pattern):
    """An input function: as `of_callset`, and nothing where the model does not score the genome."""

    def files(wildcards):
        scoring = SCORED_BY.get(CALLSETS[wildcards.callset]["genome"], [])
        return of_callset(pattern)(wildcards) if wildcards.model in scoring else []

    return files


def callset_shards(pattern):
    """An input function: `pattern` for each shard of a call set, in order."""
    return lambda wildcards: expand(pattern, shard=shard_names(CALLSETS[wildcards.callset]["shards"]), **wildcards)


def made_of(genome, models, files=(), outgroups=()):
    """What results on a genome come from: it and what the models were trained on, the models, and sources of sheets."""
    corpora = [CORPUS_OF[model] for model in models if model in CORPUS_OF]
    genomes = {genome, *outgroups, *(name for corpus in corpora for name in corpus.genomes + corpus.held_out)}
    files = {*files, *(file for name in genomes for file in files_of(name))}
    files |= {file for model in models for file in MODEL_FILES.get(model, [])}
    return {
        "genomes": sorted(genomes),
        "models": list(models),
        "inputs": [source for source, file in SOURCES.items() if file in files],
    }


def origins():
    """Folder of results -> what its files come from; of the folder of all, everything."""
    return {
        "results": {"genomes": list(GENOMES), "models": list(MODELS), "inputs": list(SOURCES)},
        **{
            f"results/tracks/{genome}/{model}": made_of(genome, [model])
            for genome in SCORED
            for model in SCORED_BY[genome]
        },
        **{f"results/embeddings/{genome}": made_of(genome, models) for genome, models in EMBEDDED_BY.items() if models},
        **{
            f"results/variants/{callset}": made_of(row["genome"], row["models"], [VCF[callset]])
            for callset, row in CALLSETS.items()
        },
        **{
            f"results/benchmarks/{genome}/{task}": made_of(
                genome, able(genome, task), INPUTS[genome, task].values(), GENOMES[genome]["outgroups"]
            )
            for genome, task in RUNNABLE
        },
    }
