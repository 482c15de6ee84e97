"""What the scores are worth: every task of the benchmark sheet, for every model, beside the baselines.

Needs: the test part of a genome and its scores by each model. Makes results/benchmarks/{genome}/{task}/: items.parquet,
what is judged, the same for all models; {model}.parquet, their scores; summary.tsv. Then results/benchmarks/summary.tsv
of all genomes and tasks.
"""


rule benchmark:
    input:
        "results/benchmarks/summary.tsv",
    message:
        "All benchmarks are done"


rule benchmark_items:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        regions="results/genomes/{genome}/regions.parquet",
        split="results/windows/{genome}/split.tsv",
        annotation=annotation_of,
        outgroups=lambda wildcards: expand(
            "results/genomes/{outgroup}/genome.fa.gz", outgroup=GENOMES[wildcards.genome]["outgroups"]
        ),
    output:
        "results/benchmarks/{genome}/{task}/items.parquet",
    params:
        task="{task}",
        genome=lambda wildcards: {"genetic_code": GENOMES[wildcards.genome]["genetic_code"]},
        outgroups=lambda wildcards: GENOMES[wildcards.genome]["outgroups"],
        options=SETTINGS["benchmark"],
        seed=SETTINGS["seed"],
    log:
        "results/logs/benchmark_items/{genome}/{task}.log",
    benchmark:
        "results/logs/benchmark_items/{genome}/{task}.time.tsv"
    conda:
        "../../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, 20),
        runtime=minutes(30, 1),
    message:
        "Drawing the items of the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_items.py"


rule benchmark_scores:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        scores="results/tracks/{genome}/{model}/scores",
    output:
        "results/benchmarks/{genome}/{task}/{model}.parquet",
    params:
        task="{task}",
    log:
        "results/logs/benchmark_scores/{genome}/{task}/{model}.log",
    benchmark:
        "results/logs/benchmark_scores/{genome}/{task}/{model}.time.tsv"
    conda:
        "../../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 10),
        runtime=minutes(15),
    message:
        "Looking up the scores of {wildcards.model} for the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_scores.py"


rule benchmark_summary:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        scores=expand("results/benchmarks/{{genome}}/{{task}}/{model}.parquet", model=MODELS),
        configs=expand("results/models/{model}/config.json", model=MODELS),
        split="results/windows/{genome}/split.tsv",
    output:
        "results/benchmarks/{genome}/{task}/summary.tsv",
    params:
        task="{task}",
        genome="{genome}",
        options=SETTINGS["benchmark"],
        seed=SETTINGS["seed"],
    log:
        "results/logs/benchmark_summary/{genome}/{task}.log",
    benchmark:
        "results/logs/benchmark_summary/{genome}/{task}.time.tsv"
    conda:
        "../../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, 20),
        runtime=minutes(30),
    message:
        "Comparing models and baselines in the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_summary.py"


rule benchmark_table:
    input:
        [f"results/benchmarks/{genome}/{task}/summary.tsv" for genome, task in RUNNABLE],
    output:
        "results/benchmarks/summary.tsv",
    params:
        skipped=[[genome, task, reason] for (genome, task), reason in SKIPPED.items()],
    log:
        "results/logs/benchmark_table.log",
    benchmark:
        "results/logs/benchmark_table.time.tsv"
    conda:
        "../../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    message:
        "Gathering the benchmark tables"
    script:
        "../scripts/benchmark_table.py"
