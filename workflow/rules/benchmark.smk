"""What the scores are worth: every task of the benchmark sheet, for every model, beside the baselines.

Needs: the test part of a genome, its scores by each model, and the files that a row of the benchmark sheet names. Makes
results/benchmarks/{genome}/{task}/: items.parquet, what is judged, the same for all models; {model}.parquet, their
scores; summary.tsv. Then results/benchmarks/summary.tsv of all genomes and tasks. Before a model is judged that was loaded,
or trained here on other genomes, results/leakage/{genome}/{model}.json: what it has seen of the test part.
"""


rule benchmark:
    input:
        "results/benchmarks/summary.tsv",
    message:
        "All benchmarks are done"


rule benchmark_items:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        regions="results/genomes/{genome}/regions.parquet",
        split="results/genomes/{genome}/split.tsv",
        annotation=annotation_of,
        outgroups=lambda wildcards: expand(
            "results/genomes/{outgroup}/genome.fa.gz", outgroup=GENOMES[wildcards.genome]["outgroups"]
        ),
        files=lambda wildcards: list(inputs_of(wildcards).values()),
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []),
    output:
        "results/benchmarks/{genome}/{task}/items.parquet",
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
    params:
        task="{task}",
        genome=lambda wildcards: {
            "genetic_code": GENOMES[wildcards.genome]["genetic_code"],
            "contig_aliases": aliases_of(wildcards.genome),
        },
        outgroups=lambda wildcards: GENOMES[wildcards.genome]["outgroups"],
        files=lambda wildcards: {key: str(file) for key, file in inputs_of(wildcards).items()},
        options={key: value for key, value in SETTINGS["benchmark"].items() if key != "draws"},
        seed=SETTINGS["seed"],
    message:
        "Drawing the items of the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_items.py"


rule benchmark_scores:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        scores="results/tracks/{genome}/{model}/scores",
        calibration=corrected_by,
    output:
        "results/benchmarks/{genome}/{task}/{model}.parquet",
    log:
        "results/logs/benchmark_scores/{genome}/{task}/{model}.log",
    benchmark:
        "results/logs/benchmark_scores/{genome}/{task}/{model}.time.tsv"
    wildcard_constraints:
        task=one_of(task for task in TASKS if not (TASKS[task].embeds or TASKS[task].alters)),
    conda:
        "../../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 10),
        runtime=minutes(15),
    params:
        task="{task}",
    message:
        "Looking up the scores of {wildcards.model} for the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_scores.py"


rule benchmark_altered:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        scores="results/tracks/{genome}/{model}/scores",
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan="results/scores/{genome}/{model}/plan.json",
    output:
        "results/benchmarks/{genome}/{task}/{model}.parquet",
    log:
        "results/logs/benchmark_altered/{genome}/{task}/{model}.log",
    benchmark:
        "results/logs/benchmark_altered/{genome}/{task}/{model}.time.tsv"
    wildcard_constraints:
        task=one_of(task for task in TASKS if TASKS[task].alters),
    conda:
        "../../envs/models.yaml"
    threads: SETTINGS["scores"]["threads"]
    resources:
        mem_mb=memory(2500, 10),
        runtime=minutes(60),
        gpu=GPUS,
    params:
        task="{task}",
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
    message:
        "Asking {wildcards.model} afresh for the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_altered.py"


rule benchmark_embeddings:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan="results/scores/{genome}/{model}/plan.json",
    output:
        "results/benchmarks/{genome}/{task}/{model}.parquet",
    log:
        "results/logs/benchmark_embeddings/{genome}/{task}/{model}.log",
    benchmark:
        "results/logs/benchmark_embeddings/{genome}/{task}/{model}.time.tsv"
    wildcard_constraints:
        task=one_of(task for task in TASKS if TASKS[task].embeds),
    conda:
        "../../envs/models.yaml"
    threads: 2
    resources:
        mem_mb=memory(2500, 2),
        runtime=minutes(60),
        gpu=GPUS,
    params:
        task="{task}",
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
        layer=SETTINGS["embeddings"]["layer"],
        seed=SETTINGS["seed"],
    message:
        "Embedding the items of the task {wildcards.task} on {wildcards.genome} with {wildcards.model}"
    script:
        "../scripts/benchmark_embeddings.py"


rule lint_seen:
    input:
        config="results/models/{model}/config.json",
        fasta="results/genomes/{genome}/genome.fa.gz",
        repeats="results/genomes/{genome}/repeats.bed.gz",
        split="results/genomes/{genome}/split.tsv",
        seen_fastas=of_seen("results/genomes/{genome}/genome.fa.gz"),
        seen_circular=of_seen("results/genomes/{genome}/genome.fa.gz.circular"),
        seen_repeats=of_seen("results/genomes/{genome}/repeats.bed.gz"),
        trained_on=if_trained("results/windows/{corpus}/split.tsv"),
    output:
        report(
            "results/leakage/{genome}/{model}.json",
            caption="../report/seen.rst",
            category="Leakage",
            labels={"corpus": "{genome}", "what": "seen by {model}"},
        ),
    log:
        "results/logs/lint_seen/{genome}/{model}.log",
    benchmark:
        "results/logs/lint_seen/{genome}/{model}.time.tsv"
    wildcard_constraints:
        model=one_of(dict.fromkeys(model for _, model in LINTED)),
    conda:
        "../../envs/benchmarks.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000, 10),
        runtime=minutes(30, 1),
    params:
        seen=seen_here,
        leakage={key: SETTINGS["split"][key] for key in ("purge", "related", "allow_leak")},
    message:
        "Looking for what {wildcards.model} has seen of the test part of {wildcards.genome}"
    script:
        "../scripts/lint_seen.py"


rule benchmark_summary:
    input:
        table="results/benchmarks/{genome}/{task}/items.parquet",
        scores=lambda wildcards: expand(
            "results/benchmarks/{genome}/{task}/{model}.parquet",
            model=able(wildcards.genome, wildcards.task),
            **wildcards,
        ),
        configs=lambda wildcards: expand(
            "results/models/{model}/config.json", model=able(wildcards.genome, wildcards.task)
        ),
        leakage=lambda wildcards: expand(
            "results/leakage/{genome}/{model}.json",
            genome=wildcards.genome,
            model=[name for name in able(wildcards.genome, wildcards.task) if (wildcards.genome, name) in LINTED],
        ),
        split="results/genomes/{genome}/split.tsv",
    output:
        report(
            "results/benchmarks/{genome}/{task}/summary.tsv",
            caption="../report/task.rst",
            category="{genome}",
            subcategory="Benchmark",
            labels={"task": "{task}"},
        ),
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
    params:
        task="{task}",
        genome="{genome}",
        models=lambda wildcards: able(wildcards.genome, wildcards.task),
        draws=SETTINGS["benchmark"]["draws"],
        seed=SETTINGS["seed"],
        left_out=lambda wildcards: unable(wildcards.genome, wildcards.task),
    message:
        "Comparing models and baselines in the task {wildcards.task} on {wildcards.genome}"
    script:
        "../scripts/benchmark_summary.py"


rule benchmark_table:
    input:
        [f"results/benchmarks/{genome}/{task}/summary.tsv" for genome, task in RUNNABLE],
    output:
        report(
            "results/benchmarks/summary.tsv",
            caption="../report/summary.rst",
            category="Overview",
            labels={"what": "benchmark table"},
        ),
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
    params:
        config_hash=fingerprint(CONFIG),
        skipped=[[genome, task, reason] for (genome, task), reason in SKIPPED.items()],
    message:
        "Gathering the benchmark tables"
    script:
        "../scripts/benchmark_table.py"
