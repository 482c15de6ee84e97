"""What all results of a run were made from and with.

Needs: every input of the sheets, the provenance of the genomes and the configurations of the models. Makes
results/provenance.json: checksums of inputs, genomes and models, versions, git commit, hash of the configuration, seed.
"""

from glmtracks.provenance import commit


rule provenance:
    input:
        inputs=list(SOURCES.values()),
        downloads=[f"{file}.json" for file in SOURCES.values() if file.startswith("results/downloads/")],
        genomes=expand("results/genomes/{genome}/provenance.json", genome=GENOMES),
        models=expand("results/models/{model}/config.json", model=MODELS),
    output:
        "results/provenance.json",
    log:
        "results/logs/provenance.log",
    benchmark:
        "results/logs/provenance.time.tsv"
    conda:
        "../../envs/genome.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10, 0.01),
    params:
        sources=list(SOURCES),
        genomes=list(GENOMES),
        models=list(MODELS),
        configuration=lambda wildcards: fingerprint(CONFIG),
        seed=SETTINGS["seed"],
        commit=lambda wildcards: commit(),
    message:
        "Noting what the results were made from"
    script:
        "../scripts/provenance.py"
