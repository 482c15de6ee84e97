"""What the results of a run were made from and with.

Needs: every input of the sheets, the provenance of the genomes and the configurations of the models. Makes
results/provenance.json: checksums of inputs, genomes and models, versions, git commit, hash of the configuration, seed;
and the same beside the tracks, call sets, embeddings and benchmarks, of what each of them was made from.
"""

from glmtracks.provenance import commit, replaced

ORIGINS = origins()

# Here rather than at the start of a run, which Snakemake does not come to where nothing looks newer than its results
if workflow.is_main_process and (problem := replaced("results/provenance.json", SOURCES)):
    raise WorkflowError(problem)


rule provenance:
    input:
        inputs=list(SOURCES.values()),
        downloads=[f"{file}.json" for file in SOURCES.values() if file.startswith("results/downloads/")],
        genomes=expand("results/genomes/{genome}/provenance.json", genome=GENOMES),
        models=expand("results/models/{model}/config.json", model=MODELS),
    output:
        [f"{folder}/provenance.json" for folder in ORIGINS],
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
        origins=list(ORIGINS.values()),
        configuration=lambda wildcards: fingerprint(CONFIG),
        seed=SETTINGS["seed"],
        commit=lambda wildcards: commit(),
    message:
        "Noting what the results were made from"
    script:
        "../scripts/provenance.py"
