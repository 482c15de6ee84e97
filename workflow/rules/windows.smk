"""Which bases a model learns from and which are held out, and the windows it is trained on.

Needs: the genome, its regions, and the settings split and windows. Makes results/windows/{genome}/: split.tsv,
windows.parquet and leakage.json, the share of the test part that also stands in the training part.
"""


rule windows:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        repeats="results/genomes/{genome}/repeats.bed.gz",
        regions="results/genomes/{genome}/regions.parquet",
    output:
        windows="results/windows/{genome}/windows.parquet",
        split="results/windows/{genome}/split.tsv",
        leakage="results/windows/{genome}/leakage.json",
    log:
        "results/logs/windows/{genome}.log",
    benchmark:
        "results/logs/windows/{genome}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 10),
        runtime=minutes(15, 0.5),
    params:
        split=SETTINGS["split"],
        windows=SETTINGS["windows"],
        test_contigs=lambda wildcards: GENOMES[wildcards.genome]["test"],
        validation_contigs=lambda wildcards: GENOMES[wildcards.genome]["validation"],
        seed=SETTINGS["seed"],
    message:
        "Splitting {wildcards.genome} and cutting training windows"
    script:
        "../scripts/windows.py"
