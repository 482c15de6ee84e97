"""Scores of every base: shards, the dataset they are joined to, and the tracks made from it.

Needs: a genome and a model; for the calibration, the genome's regions or the column neutral. Makes
results/genomes/{genome}/contigs.tsv, what models are asked about; results/scores/{genome}/{model}/plan.json (and
plan.tsv), how the model is asked; {shard}.parquet beside it, the unit that is resumed after an interruption; and
results/tracks/{genome}/{model}/: the dataset scores/, its calibration/, a bigWig for each track, track_hub/ and, if
wanted, the table snvs.tsv.gz.
"""


rule tracks:
    input:
        [
            f"results/tracks/{genome}/{model}/{result}"
            for genome, models in SCORED_BY.items()
            for model in models
            for result in [
                *(f"{track}.bw" for track in TRACKS),
                *("scores", "calibration", "track_hub"),
                *["snvs.tsv.gz"] * SETTINGS["tracks"]["tsv"],
            ]
        ],
    message:
        "All tracks are in place"


rule list_contigs:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
    output:
        "results/genomes/{genome}/contigs.tsv",
    log:
        "results/logs/list_contigs/{genome}.log",
    benchmark:
        "results/logs/list_contigs/{genome}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        patterns=lambda wildcards: contig_patterns(wildcards.genome),
    message:
        "Listing the contigs of {wildcards.genome} that models are asked about"
    script:
        "../scripts/list_contigs.py"


rule plan_scoring:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        provenance="results/genomes/{genome}/provenance.json",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        split=if_test_only("results/genomes/{genome}/split.tsv"),
    output:
        json="results/scores/{genome}/{model}/plan.json",
        table=report(
            "results/scores/{genome}/{model}/plan.tsv",
            caption="../report/plan.rst",
            category="{genome}",
            subcategory="Scores",
            labels={"model": "{model}", "what": "how it is asked"},
        ),
    log:
        "results/logs/plan_scoring/{genome}/{model}.log",
    benchmark:
        "results/logs/plan_scoring/{genome}/{model}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: SETTINGS["scores"]["threads"]
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(30),
        gpu=GPUS,
    params:
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
        ask=lambda wildcards: {key: MODELS[wildcards.model][key] for key in ("strategy", "strands")},
    message:
        "Measuring how {wildcards.model} is best asked about {wildcards.genome}"
    script:
        "../scripts/plan_scoring.py"


rule score_shard:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        provenance="results/genomes/{genome}/provenance.json",
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan="results/scores/{genome}/{model}/plan.json",
        split=if_test_only("results/genomes/{genome}/split.tsv"),
    output:
        "results/scores/{genome}/{model}/{shard}.parquet",
    log:
        "results/logs/score_shard/{genome}/{model}/{shard}.log",
    benchmark:
        "results/logs/score_shard/{genome}/{model}/{shard}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: SETTINGS["scores"]["threads"]
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(max(120, 2 * SETTINGS["shards"]["minutes"])),
        gpu=GPUS,
    params:
        scores=lambda wildcards: scoring_of(wildcards.genome, wildcards.model),
    message:
        "Scoring {wildcards.genome} with {wildcards.model}, shard {wildcards.shard}"
    script:
        "../scripts/score_shard.py"


rule join_shards:
    input:
        shards=shards_of,
        sizes="results/genomes/{genome}/chrom.sizes",
    output:
        scores=directory("results/tracks/{genome}/{model}/scores"),
    log:
        "results/logs/join_shards/{genome}/{model}.log",
    benchmark:
        "results/logs/join_shards/{genome}/{model}.time.tsv"
    conda:
        "../../envs/tracks.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 0.05),
    message:
        "Joining the scores of {wildcards.genome} by {wildcards.model}"
    script:
        "../scripts/join_shards.py"


rule calibrate:
    input:
        scores="results/tracks/{genome}/{model}/scores",
        fasta="results/genomes/{genome}/genome.fa.gz",
        regions="results/genomes/{genome}/regions.parquet",
        neutral=lambda wildcards: NEUTRAL.get(wildcards.genome, []),
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []) if wildcards.genome in NEUTRAL else [],
    output:
        directory("results/tracks/{genome}/{model}/calibration"),
    log:
        "results/logs/calibrate/{genome}/{model}.log",
    benchmark:
        "results/logs/calibrate/{genome}/{model}.time.tsv"
    conda:
        "../../envs/tracks.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(10, 0.005),
    params:
        aliases=lambda wildcards: aliases_of(wildcards.genome, wildcards.genome in NEUTRAL),
    message:
        "Ranking the scores of {wildcards.genome} by {wildcards.model}, and their means by mutation context"
    script:
        "../scripts/calibrate.py"


rule bigwig:
    input:
        scores="results/tracks/{genome}/{model}/scores",
        calibration=calibration_of,
        sizes="results/genomes/{genome}/chrom.sizes",
    output:
        "results/tracks/{genome}/{model}/{track}.bw",
    log:
        "results/logs/bigwig/{genome}/{model}/{track}.log",
    benchmark:
        "results/logs/bigwig/{genome}/{model}/{track}.time.tsv"
    conda:
        "../../envs/tracks.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 0.005),
    message:
        "Writing the track {wildcards.track} of {wildcards.genome} by {wildcards.model}"
    script:
        "../scripts/bigwig.py"


rule snv_table:
    input:
        scores="results/tracks/{genome}/{model}/scores",
        calibration="results/tracks/{genome}/{model}/calibration",
    output:
        tsv="results/tracks/{genome}/{model}/snvs.tsv.gz",
        tbi="results/tracks/{genome}/{model}/snvs.tsv.gz.tbi",
    log:
        "results/logs/snv_table/{genome}/{model}.log",
    benchmark:
        "results/logs/snv_table/{genome}/{model}.time.tsv"
    conda:
        "../../envs/tracks.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 0.03),
    message:
        "Writing all SNVs of {wildcards.genome} by {wildcards.model} as text"
    script:
        "../scripts/snv_table.py"


rule track_hub:
    input:
        bigwigs=expand("results/tracks/{{genome}}/{{model}}/{track}.bw", track=TRACKS),
        fasta="results/genomes/{genome}/genome.fa.gz",
        two_bit="results/genomes/{genome}/genome.2bit",
        sizes="results/genomes/{genome}/chrom.sizes",
    output:
        directory("results/tracks/{genome}/{model}/track_hub"),
    log:
        "results/logs/track_hub/{genome}/{model}.log",
    benchmark:
        "results/logs/track_hub/{genome}/{model}.time.tsv"
    conda:
        "../../envs/tracks.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        tracks=TRACKS,
        ucsc=lambda wildcards: ucsc_name(wildcards.genome),
        species=lambda wildcards: GENOMES[wildcards.genome]["species"],
        genetic_code=lambda wildcards: GENOMES[wildcards.genome]["genetic_code"],
    message:
        "Describing the tracks of {wildcards.genome} by {wildcards.model} for genome browsers"
    script:
        "../scripts/track_hub.py"
