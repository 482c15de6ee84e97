"""A call set with the scores of its variants.

Needs: a row of the call set sheet, and the scores of its genome by each model. Makes results/variants/{callset}/:
{model}.vcf.gz, every record in its order with the fields GLM_LLR, GLM_ENTROPY and GLM_REASON, and {model}.parquet.
"""


rule variants:
    input:
        expand("results/variants/{callset}/{model}.vcf.gz", callset=CALLSETS, model=MODELS),
    message:
        "All call sets are annotated"


rule annotate_variants:
    input:
        vcf=lambda wildcards: VCF[wildcards.callset],
        fasta=of_callset("results/genomes/{genome}/genome.fa.gz"),
        circular=of_callset("results/genomes/{genome}/genome.fa.gz.circular"),
        provenance=of_callset("results/genomes/{genome}/provenance.json"),
        scores=of_callset("results/tracks/{genome}/{model}/scores"),
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        plan=of_callset("results/scores/{genome}/{model}/plan.json"),
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
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60, 0.5),
    params:
        aliases=lambda wildcards: GENOMES[CALLSETS[wildcards.callset]["genome"]]["contig_aliases"],
        scores=lambda wildcards: scoring_of(CALLSETS[wildcards.callset]["genome"]),
    message:
        "Annotating the call set {wildcards.callset} with {wildcards.model}"
    script:
        "../scripts/annotate_variants.py"
