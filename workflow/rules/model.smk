"""A model to score with: trained on a corpus of genomes, or loaded from a folder or from the Hugging Face Hub.

Needs: a row of the model sheet and, to train, the windows of its genomes. Makes results/models/{model}/:
model.safetensors, config.json (which alone rebuilds the model), metrics.json, training.tsv, and README.md, the model
card. A training that was stopped goes on from results/models/{model}/checkpoints/; its logs, for TensorBoard too, stand in
results/models/{model}/logs/.
"""


rule models:
    input:
        expand("results/models/{model}/config.json", model=MODELS),
        expand("results/models/{model}/README.md", model=TRAINED),
    message:
        "All models are in place"


rule train_model:
    input:
        fasta=of_genomes("results/genomes/{genome}/genome.fa.gz"),
        circular=of_genomes("results/genomes/{genome}/genome.fa.gz.circular"),
        repeats=of_genomes("results/genomes/{genome}/repeats.bed.gz"),
        split=of_corpus("results/windows/{corpus}/split.tsv"),
        windows=of_corpus("results/windows/{corpus}/windows.parquet"),
        leakage=ancient(of_corpus("results/windows/{corpus}/leakage.json")),  # must be there, and changes nothing
        regions=of_genomes("results/genomes/{genome}/regions.parquet"),
        evidence=lambda wildcards: [EVIDENCE[g] for g in MODELS[wildcards.model]["genomes"] if g in EVIDENCE],
        aliases=lambda wildcards: [
            ALIASES[g] for g in MODELS[wildcards.model]["genomes"] if g in ALIASES.keys() & EVIDENCE
        ],
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        metrics="results/models/{model}/metrics.json",
        training="results/models/{model}/training.tsv",
    log:
        "results/logs/train_model/{model}.log",
    benchmark:
        "results/logs/train_model/{model}.time.tsv"
    wildcard_constraints:
        model=one_of(TRAINED),
    conda:
        "../../envs/models.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000, 2),
        runtime=minutes(240),
        gpu=gpus_to_train,
    params:
        kind=lambda wildcards: MODELS[wildcards.model]["kind"],
        genomes=lambda wildcards: MODELS[wildcards.model]["genomes"],
        species=lambda wildcards: [GENOMES[name]["species"] for name in MODELS[wildcards.model]["genomes"]],
        evidence=lambda wildcards: [EVIDENCE.get(name, "") for name in MODELS[wildcards.model]["genomes"]],
        aliases=lambda wildcards: [aliases_of(name, name in EVIDENCE) for name in MODELS[wildcards.model]["genomes"]],
        repetitions=lambda wildcards: [GENOMES[name]["repetitions"] for name in MODELS[wildcards.model]["genomes"]],
        parameters=lambda wildcards: MODELS[wildcards.model]["parameters"],
        seed=SETTINGS["seed"],
    message:
        "Training {wildcards.model} ({params.kind}) on {params.genomes}"
    script:
        "../scripts/train_model.py"


# A rule of its own, so that a licence that is settled in the end does not train anew.
rule model_card:
    input:
        config="results/models/{model}/config.json",
        metrics="results/models/{model}/metrics.json",
    output:
        report(
            "results/models/{model}/README.md",
            caption="../report/card.rst",
            category="Models",
            labels={"model": "{model}", "what": "card"},
        ),
    log:
        "results/logs/model_card/{model}.log",
    benchmark:
        "results/logs/model_card/{model}.time.tsv"
    wildcard_constraints:
        model=one_of(TRAINED),
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(FLOOR),
        runtime=minutes(10),
    params:
        licence=lambda wildcards: MODELS[wildcards.model]["licence"],
    message:
        "Writing the card of {wildcards.model}"
    script:
        "../scripts/model_card.py"


rule load_model:
    input:
        files=files_of_source,
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        metrics="results/models/{model}/metrics.json",
        training="results/models/{model}/training.tsv",
    log:
        "results/logs/load_model/{model}.log",
    benchmark:
        "results/logs/load_model/{model}.time.tsv"
    wildcard_constraints:
        model=one_of(LOADED),
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=memory_to_load,
        runtime=minutes_to_load,
    params:
        source=source_of,
        kind=lambda wildcards: MODELS[wildcards.model]["kind"],
        parameters=lambda wildcards: MODELS[wildcards.model]["parameters"],
        sha256=lambda wildcards: MODELS[wildcards.model]["sha256"],
        seen=lambda wildcards: MODELS[wildcards.model]["seen"],
        licence=lambda wildcards: MODELS[wildcards.model]["licence"],
    message:
        "Loading {wildcards.model} ({params.kind}) from {params.source}"
    script:
        "../scripts/load_model.py"
