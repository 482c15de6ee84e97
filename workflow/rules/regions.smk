"""What every base of a genome is: its region class, strand, codon position and repeat status.

Needs: the genome, its repeats and, where there is one, its annotation. Makes results/genomes/{genome}/regions.parquet,
intervals that tile each contig.
"""


rule regions:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        repeats="results/genomes/{genome}/repeats.bed.gz",
        annotation=annotation_of,
    output:
        "results/genomes/{genome}/regions.parquet",
    log:
        "results/logs/regions/{genome}.log",
    benchmark:
        "results/logs/regions/{genome}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 20),
        runtime=minutes(15, 0.2),
    params:
        promoter=SETTINGS["regions"]["promoter"],
    message:
        "Classifying the bases of {wildcards.genome}"
    script:
        "../scripts/regions.py"
