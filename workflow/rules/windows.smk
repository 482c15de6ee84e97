"""Which bases of a genome are held out, and which windows a model is trained on.

Needs: the genomes, their repeats and regions, and the settings split and windows. Makes
results/genomes/{genome}/split.tsv, the planned split; and for each corpus, the genomes that models are trained on with
those held out, results/windows/{corpus}/: split.tsv and windows.parquet, without what also stands in a held-out part;
shared.json, how much of that is left, and leakage.json, the same where it is little enough or allowed.
"""

PLANNED = ("unit", "test", "validation", "block", "gap")  # the settings of split that say what is held out


rule split:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        beds=lambda wildcards: HELD_OUT_BED[wildcards.genome].values(),
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []) if HELD_OUT_BED[wildcards.genome] else [],
    output:
        "results/genomes/{genome}/split.tsv",
    log:
        "results/logs/split/{genome}.log",
    benchmark:
        "results/logs/split/{genome}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        split={key: SETTINGS["split"][key] for key in PLANNED},
        named=lambda wildcards: {part: named_part(wildcards.genome, part) for part in ("test", "validation")},
        aliases=lambda wildcards: aliases_of(wildcards.genome, bool(HELD_OUT_BED[wildcards.genome])),
        seed=SETTINGS["seed"],
    message:
        "Splitting {wildcards.genome} into training, validation and test"
    script:
        "../scripts/split.py"


rule windows:
    input:
        fasta=of_members("results/genomes/{genome}/genome.fa.gz", held_out=True),
        circular=of_members("results/genomes/{genome}/genome.fa.gz.circular", held_out=True),
        repeats=of_members("results/genomes/{genome}/repeats.bed.gz", held_out=True),
        split=of_members("results/genomes/{genome}/split.tsv", held_out=True),
        regions=of_members("results/genomes/{genome}/regions.parquet"),
    output:
        windows="results/windows/{corpus}/windows.parquet",
        split="results/windows/{corpus}/split.tsv",
        shared="results/windows/{corpus}/shared.json",
    log:
        "results/logs/windows/{corpus}.log",
    benchmark:
        "results/logs/windows/{corpus}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000, 10),
        runtime=minutes(30, 1),
    params:
        genomes=lambda wildcards: CORPORA[wildcards.corpus].genomes,
        held_out=lambda wildcards: CORPORA[wildcards.corpus].held_out,
        leakage={key: SETTINGS["split"][key] for key in ("purge", "related")},
        windows=SETTINGS["windows"],
        seed=SETTINGS["seed"],
    message:
        "Cutting training windows of {wildcards.corpus}"
    script:
        "../scripts/windows.py"


# Apart from the cutting, so that to allow a leak cuts no windows anew, which would train the models anew.
rule check_leakage:
    input:
        "results/windows/{corpus}/shared.json",
    output:
        report(
            "results/windows/{corpus}/leakage.json",
            caption="../report/leakage.rst",
            category="Leakage",
            labels={"corpus": "{corpus}", "what": "training corpus"},
        ),
    log:
        "results/logs/check_leakage/{corpus}.log",
    benchmark:
        "results/logs/check_leakage/{corpus}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        allow_leak=SETTINGS["split"]["allow_leak"],
    message:
        "Checking what {wildcards.corpus} still shares with the parts held out"
    script:
        "../scripts/check_leakage.py"
