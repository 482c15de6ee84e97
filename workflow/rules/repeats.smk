"""Where a genome is repetitive, by the method that its row names.

Needs: the genome and the column repeats. Makes results/genomes/{genome}/repeats.bed.gz, whatever the method.
"""


def repeats_bed(wildcards):
    """The BED file of a row that says bed:FILE."""
    method = GENOMES[wildcards.genome]["repeats"]
    return source_file(method.removeprefix("bed:"), "bed") if method.startswith("bed:") else []


rule repeats:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        bed=repeats_bed,
    output:
        bed="results/genomes/{genome}/repeats.bed.gz",
        tbi="results/genomes/{genome}/repeats.bed.gz.tbi",
    params:
        method=lambda wildcards: GENOMES[wildcards.genome]["repeats"].partition(":")[0],
        aliases=lambda wildcards: GENOMES[wildcards.genome]["contig_aliases"],
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
    message:
        "Finding repeats in {wildcards.genome} ({params.method})"
    script:
        "../scripts/repeats.py"
