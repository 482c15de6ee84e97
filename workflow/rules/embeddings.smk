"""Mean embeddings of windows along a genome, for every kind of model that has embeddings.

Needs: a genome and a model. Makes results/embeddings/{genome}/{model}.parquet.
"""


rule embeddings:
    input:
        expand(
            "results/embeddings/{genome}/{model}.parquet",
            genome=SCORED,
            model=EMBEDDING,
        ),
    message:
        "All embeddings are in place"


rule embed:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        provenance="results/genomes/{genome}/provenance.json",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
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
    params:
        scores=lambda wildcards: scoring_of(wildcards.genome),
        embeddings=SETTINGS["embeddings"],
    message:
        "Embedding {wildcards.genome} with {wildcards.model}"
    script:
        "../scripts/embed.py"
