"""Mean embeddings of windows along a genome and of the intervals of a BED, for every kind of model that has embeddings.

Needs: a genome, a model and, for intervals, the column embed_bed. Makes results/embeddings/{genome}/: {model}.parquet
and {model}.regions.parquet.
"""


rule embeddings:
    input:
        [f"results/embeddings/{genome}/{model}.parquet" for genome in SCORED for model in EMBEDDED_BY[genome]],
        [
            f"results/embeddings/{genome}/{model}.regions.parquet"
            for genome in EMBED_BED
            for model in EMBEDDED_BY[genome]
        ],
    message:
        "All embeddings are in place"


rule embed:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        provenance="results/genomes/{genome}/provenance.json",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan="results/scores/{genome}/{model}/plan.json",
    output:
        "results/embeddings/{genome}/{model}.parquet",
    log:
        "results/logs/embed/{genome}/{model}.log",
    benchmark:
        "results/logs/embed/{genome}/{model}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000, 2),
        runtime=minutes(120),
        gpu=GPUS,
    params:
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
        embeddings=SETTINGS["embeddings"],
    message:
        "Embedding {wildcards.genome} with {wildcards.model}"
    script:
        "../scripts/embed.py"


rule embed_regions:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        provenance="results/genomes/{genome}/provenance.json",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan="results/scores/{genome}/{model}/plan.json",
        bed=lambda wildcards: EMBED_BED[wildcards.genome],
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []),
    output:
        "results/embeddings/{genome}/{model}.regions.parquet",
    log:
        "results/logs/embed_regions/{genome}/{model}.log",
    benchmark:
        "results/logs/embed_regions/{genome}/{model}.time.tsv"
    wildcard_constraints:
        genome=one_of(EMBED_BED),
    conda:
        "../../envs/models.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000, 2),
        runtime=minutes(120),
        gpu=GPUS,
    params:
        aliases=lambda wildcards: aliases_of(wildcards.genome),
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
        layer=SETTINGS["embeddings"]["layer"],
    message:
        "Embedding the intervals of {input.bed} in {wildcards.genome} with {wildcards.model}"
    script:
        "../scripts/embed_regions.py"
