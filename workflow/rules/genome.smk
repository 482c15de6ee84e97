"""From a source of the genome sheet to a checked, indexed genome and a canonical annotation.

Needs: the columns fasta, sha256, annotation, include, exclude, exclude_title, circular and contig_aliases. Makes
results/genomes/{genome}/: genome.fa.gz with its indexes and the list of its circular contigs, chrom.sizes,
provenance.json and, where there is an annotation, annotation.gff3.gz; for track hubs, genome.2bit.
"""

PATTERNS = ("include", "exclude", "exclude_title", "circular")  # columns that each name contigs


rule genomes:
    input:
        expand("results/genomes/{genome}/genome.fa.gz", genome=GENOMES),
        expand("results/genomes/{genome}/annotation.gff3.gz", genome=ANNOTATION),
        expand("results/genomes/{genome}/regions.parquet", genome=SCORED),
        expand("results/genomes/{genome}/contigs.tsv", genome=SCORED),
    message:
        "All genomes are in place"


rule download:
    output:
        file="results/downloads/{download}",
        provenance="results/downloads/{download}.json",
    log:
        "results/logs/download/{download}.log",
    benchmark:
        "results/logs/download/{download}.time.tsv"
    wildcard_constraints:
        download=one_of(DOWNLOADS),
    conda:
        "../../envs/genome.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(240),
        downloads=1,
    params:
        source=lambda wildcards: DOWNLOADS[wildcards.download][0],
        kind=lambda wildcards: DOWNLOADS[wildcards.download][1],
        sha256=lambda wildcards: DOWNLOADS[wildcards.download][2],
    message:
        "Downloading {params.source}"
    script:
        "../scripts/download.py"


rule cut_vcf:
    input:
        lambda wildcards: CUTS[wildcards.cut][0],
    output:
        vcf="results/downloads/{cut}",
        tbi="results/downloads/{cut}.tbi",
        provenance="results/downloads/{cut}.json",
    log:
        "results/logs/cut_vcf/{cut}.log",
    benchmark:
        "results/logs/cut_vcf/{cut}.time.tsv"
    wildcard_constraints:
        cut=one_of(CUTS),
    conda:
        "../../envs/genome.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(60),
        downloads=1,
    params:
        source=lambda wildcards: CUTS[wildcards.cut][1],
    message:
        "Cutting {params.source}"
    script:
        "../scripts/cut_vcf.py"


rule genome:
    input:
        fasta=lambda wildcards: FASTA[wildcards.genome],
        downloaded=lambda wildcards: (
            f"{FASTA[wildcards.genome]}.json" if is_remote(GENOMES[wildcards.genome]["fasta"]) else []
        ),
    output:
        fasta="results/genomes/{genome}/genome.fa.gz",
        fai="results/genomes/{genome}/genome.fa.gz.fai",
        gzi="results/genomes/{genome}/genome.fa.gz.gzi",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        sizes="results/genomes/{genome}/chrom.sizes",
        provenance="results/genomes/{genome}/provenance.json",
    log:
        "results/logs/genome/{genome}.log",
    benchmark:
        "results/logs/genome/{genome}.time.tsv"
    conda:
        "../../envs/genome.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10, 0.2),
    params:
        origin=lambda wildcards: GENOMES[wildcards.genome]["fasta"],
        sha256=lambda wildcards: GENOMES[wildcards.genome]["sha256"],
        contigs=lambda wildcards: {key: GENOMES[wildcards.genome][key] for key in PATTERNS},
    message:
        "Checking and indexing the genome {wildcards.genome}"
    script:
        "../scripts/genome.py"


rule two_bit:
    input:
        fasta="results/genomes/{genome}/genome.fa.gz",
    output:
        "results/genomes/{genome}/genome.2bit",
    log:
        "results/logs/two_bit/{genome}.log",
    benchmark:
        "results/logs/two_bit/{genome}.time.tsv"
    conda:
        "../../envs/genome.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5, 0.05),
    message:
        "Writing {wildcards.genome} as 2bit, for the UCSC Genome Browser"
    script:
        "../scripts/two_bit.py"


rule annotation:
    input:
        annotation=lambda wildcards: ANNOTATION[wildcards.genome],
        fasta="results/genomes/{genome}/genome.fa.gz",
        circular="results/genomes/{genome}/genome.fa.gz.circular",
        aliases=lambda wildcards: ALIASES.get(wildcards.genome, []),
    output:
        gff="results/genomes/{genome}/annotation.gff3.gz",
        tbi="results/genomes/{genome}/annotation.gff3.gz.tbi",
    log:
        "results/logs/annotation/{genome}.log",
    benchmark:
        "results/logs/annotation/{genome}.time.tsv"
    conda:
        "../../envs/annotation.yaml"
    threads: 1
    resources:
        mem_mb=memory_to_annotate,
        runtime=minutes(15, 0.1),
    params:
        aliases=lambda wildcards: aliases_of(wildcards.genome),
        genetic_code=lambda wildcards: GENOMES[wildcards.genome]["genetic_code"],
    message:
        "Reading the annotation of {wildcards.genome}"
    script:
        "../scripts/annotation.py"
