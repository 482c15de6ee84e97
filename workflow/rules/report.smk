"""What people read: plots, each beside the table it is drawn from, and one page that says what they mean.

Needs: the benchmark of a genome, and what the rules before it made of genomes and models. Makes results/report/:
plots/{genome}/{plot}.svg and .tsv, and index.html.
"""

from glmtracks.plots import PLOTS, caption, plots_of

TASKS_OF = {name: [task for genome, task in RUNNABLE if genome == name] for name in SCORED}
LEARNT = {genome for model in TRAINED for genome in MODELS[model]["genomes"]}
SPLIT = [name for name in GENOMES if name in LEARNT or TASKS_OF.get(name)]

# What plots are drawn from, by the names in their `reads`; and which genomes have what not all have.
READ = {
    "summaries": "results/benchmarks/{genome}/{task}/summary.tsv",
    "scores": "results/benchmarks/{genome}/{task}/{compared}.parquet",
    "datasets": "results/tracks/{genome}/{model}/scores",
    "annotation": "results/genomes/{genome}/annotation.gff3.gz",
    "fasta": "results/genomes/{genome}/genome.fa.gz",
    "split": "results/genomes/{genome}/split.tsv",
    "training": "results/models/{model}/training.tsv",
    "metrics": "results/models/{model}/metrics.json",
}
HAVE = {"annotation": ANNOTATION, "split": SPLIT, "training": GENOMES}
PLOTTED = {
    genome: plots_of(TASKS_OF[genome], lacks={name for name, having in HAVE.items() if genome not in having})
    for genome in SCORED
}


rule report:
    input:
        "results/report/index.html",
    message:
        "The report is results/report/index.html"


rule plot:
    input:
        unpack(
            lambda wildcards: {
                name: expand(
                    READ[name],
                    genome=wildcards.genome,
                    task=PLOTS[wildcards.plot].task or TASKS_OF[wildcards.genome],
                    model=SCORED_BY[wildcards.genome] if name == "datasets" else MODELS,
                    compared=compared(wildcards.genome, PLOTS[wildcards.plot].task),
                )
                for name in PLOTS[wildcards.plot].reads
            }
        ),
    output:
        svg=report(
            "results/report/plots/{genome}/{plot}.svg",
            caption="../report/plot.rst",
            category="{genome}",
            subcategory="Plots",
            labels={"plot": "{plot}", "format": "picture"},
        ),
        tsv=report(
            "results/report/plots/{genome}/{plot}.tsv",
            caption="../report/plot.rst",
            category="{genome}",
            subcategory="Plots",
            labels={"plot": "{plot}", "format": "table"},
        ),
    log:
        "results/logs/plot/{genome}/{plot}.log",
    benchmark:
        "results/logs/plot/{genome}/{plot}.time.tsv"
    wildcard_constraints:  # of the rule, since one for all rules, given after some, makes Snakemake forget theirs in storage
        plot=one_of(PLOTS),
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(15),
    params:
        baselines={name: is_baseline(name) for name in MODELS},
        caption=lambda wildcards: caption(wildcards.plot),
    message:
        "Drawing {wildcards.plot} of {wildcards.genome}"
    script:
        "../scripts/plot.py"


rule report_page:
    input:
        rules.tracks.input,
        rules.variants.input,
        rules.embeddings.input,
        summary="results/benchmarks/summary.tsv",
        run="results/provenance.json",
        plots=[f"results/report/plots/{genome}/{plot}.svg" for genome, plots in PLOTTED.items() for plot in plots],
        provenance=expand("results/genomes/{genome}/provenance.json", genome=GENOMES),
        regions=expand("results/genomes/{genome}/regions.parquet", genome=SCORED),
        split=expand("results/genomes/{genome}/split.tsv", genome=SPLIT),
        corpora=expand("results/windows/{corpus}/{file}", corpus=CORPORA, file=["split.tsv", "leakage.json"]),
        models=expand("results/models/{model}/{file}.json", model=MODELS, file=["config", "metrics"]),
        leakage=[f"results/leakage/{genome}/{model}.json" for genome, model in LINTED],
    output:
        report(
            "results/report/index.html",
            caption="../report/page.rst",
            category="Overview",
            labels={"what": "the page to read first"},
        ),
    log:
        "results/logs/report_page.log",
    benchmark:
        "results/logs/report_page.time.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        genomes=GENOMES,
        models=MODELS,
        callsets=CALLSETS,
        plots=PLOTTED,
        corpora=list(CORPORA),
        linted=LINTED,
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
