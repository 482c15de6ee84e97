"""A call set with the scores of its variants.

Needs: a row of the call set sheet, a model, and the scores of the genome by it where the genome is scored. Makes
results/variants/{callset}/: alleles/{shard}.parquet, what the alleles are, once for all models, and ref_mismatches.tsv,
where REF is not the genome's; {model}/{shard}.parquet, their scores, the unit that is resumed after an interruption;
and {model}.vcf.gz, every record in its order with fields GLM_…, and {model}.parquet.
"""


rule variants:
    input:
        [f"results/variants/{callset}/{model}.vcf.gz" for callset, row in CALLSETS.items() for model in row["models"]],
    message:
        "All call sets are annotated"


rule read_callset:
    input:
        vcf=lambda wildcards: VCF[wildcards.callset],
        aliases=lambda wildcards: ALIASES.get(CALLSETS[wildcards.callset]["genome"], []),
        fasta=of_callset("results/genomes/{genome}/genome.fa.gz"),
        circular=of_callset("results/genomes/{genome}/genome.fa.gz.circular"),
    output:
        alleles=directory("results/variants/{callset}/alleles"),
        mismatches=report(
            "results/variants/{callset}/ref_mismatches.tsv",
            caption="../report/mismatches.rst",
            category="Call sets",
            labels={"call set": "{callset}", "what": "REF mismatches"},
        ),
    log:
        "results/logs/read_callset/{callset}.log",
    benchmark:
        "results/logs/read_callset/{callset}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 0.1),
    params:
        aliases=lambda wildcards: aliases_of(CALLSETS[wildcards.callset]["genome"]),
        shards=lambda wildcards: CALLSETS[wildcards.callset]["shards"],
        max_mismatches=SETTINGS["variants"]["max_mismatches"],
        sha256=lambda wildcards: CALLSETS[wildcards.callset]["sha256"],
    message:
        "Reading the call set {wildcards.callset}"
    script:
        "../scripts/read_callset.py"


rule score_callset:
    input:
        alleles="results/variants/{callset}/alleles",
        fasta=of_callset("results/genomes/{genome}/genome.fa.gz"),
        circular=of_callset("results/genomes/{genome}/genome.fa.gz.circular"),
        provenance=of_callset("results/genomes/{genome}/provenance.json"),
        scores=if_scored("results/tracks/{genome}/{model}/scores"),
        calibration=if_scored("results/tracks/{genome}/{model}/calibration"),
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan=of_callset("results/scores/{genome}/{model}/plan.json"),
    output:
        "results/variants/{callset}/{model}/{shard}.parquet",
    log:
        "results/logs/score_callset/{callset}/{model}/{shard}.log",
    benchmark:
        "results/logs/score_callset/{callset}/{model}/{shard}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: SETTINGS["scores"]["threads"]
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
        gpu=GPUS,
    params:
        scores=lambda wildcards: scoring_of(CALLSETS[wildcards.callset]["genome"], wildcards.model),
        variants={key: SETTINGS["variants"][key] for key in ("longest", "neighbours")},
        extras=lambda wildcards: [
            extra
            for extra in CALLSETS[wildcards.callset]["extras"]
            if extra != "embedding" or wildcards.model in EMBEDDING
        ],
    message:
        "Scoring the call set {wildcards.callset} with {wildcards.model}, shard {wildcards.shard}"
    script:
        "../scripts/score_callset.py"


rule annotate_variants:
    input:
        vcf=lambda wildcards: VCF[wildcards.callset],
        alleles="results/variants/{callset}/alleles",
        scores=callset_shards("results/variants/{callset}/{model}/{shard}.parquet"),
        sizes=of_callset("results/genomes/{genome}/chrom.sizes"),
    output:
        vcf="results/variants/{callset}/{model}.vcf.gz",
        tbi="results/variants/{callset}/{model}.vcf.gz.tbi",
        parquet="results/variants/{callset}/{model}.parquet",
    log:
        "results/logs/annotate_variants/{callset}/{model}.log",
    benchmark:
        "results/logs/annotate_variants/{callset}/{model}.time.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 0.1),
    message:
        "Annotating the call set {wildcards.callset} with {wildcards.model}"
    script:
        "../scripts/annotate_variants.py"
