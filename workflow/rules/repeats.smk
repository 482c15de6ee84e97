"""Where a genome is repetitive, by the method that its row names.

Needs: the genome and the column repeats. Makes results/genomes/{genome}/repeats.bed.gz, whatever the method.
"""


rule repeats:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        bed=lambda wildcards: REPEATS_BED.get(wildcards.genome, []),
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []) if wildcards.genome in REPEATS_BED else [],
    output:
        bed="results/genomes/{genome}/repeats.bed.gz",
        tbi="results/genomes/{genome}/repeats.bed.gz.tbi",
    log:
        "results/logs/repeats/{genome}.log",
    benchmark:
        "results/logs/repeats/{genome}.time.tsv"
    conda:
        "../../envs/repeats.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, 1),
        runtime=minutes(10, 0.5),
    params:
        method=lambda wildcards: GENOMES[wildcards.genome]["repeats"].partition(":")[0],
        aliases=lambda wildcards: aliases_of(wildcards.genome, wildcards.genome in REPEATS_BED),
    message:
        "Finding repeats in {wildcards.genome} ({params.method})"
    script:
        "../scripts/repeats.py"
