"""glmtracks: a genome and a genomic language model in, base-resolution tracks and an honest benchmark out.

    genome ──> repeats ──> regions ──> windows ──> model (train | load) ──> scores ──> tracks
                                                                     └──> variants   └──> benchmark ──> report
                                                                     └──> embeddings ┘

The path of a result is the query for it. {genome}, {model} and {task} are rows of the sheets in config/:

    results/downloads/                 what was fetched from URLs and providers, as it came
                                       and regions of VCFs (.tbi), with where and when they came from (.json)
    results/genomes/{genome}/          genome.fa.gz (.fai, .gzi, .circular) chrom.sizes annotation.gff3.gz (.tbi)
                                       repeats.bed.gz (.tbi) regions.parquet split.tsv provenance.json contigs.tsv,
                                       those that models are asked about, and genome.2bit
    results/windows/{corpus}/          windows.parquet split.tsv shared.json leakage.json; a corpus is called like its genomes
    results/leakage/{genome}/          {model}.json, what a model has seen of the test part that it is judged by
    results/models/{model}/            model.safetensors config.json metrics.json training.tsv README.md (the card) logs/
    results/scores/{genome}/{model}/   plan.json and plan.tsv, how the model is asked; {shard}.parquet, the resumable unit
    results/tracks/{genome}/{model}/   llr_A.bw … llr_T.bw entropy.bw llr_min.bw llr_mean.bw logo_A.bw … logo_T.bw
                                       scores/contig=…/ calibration/ track_hub/ and, if wanted, snvs.tsv.gz (.tbi)
    results/variants/{callset}/        {model}.vcf.gz (.tbi) {model}.parquet; alleles/{shard}.parquet, ref_mismatches.tsv
                                       and {model}/{shard}.parquet, the resumable unit
    results/embeddings/{genome}/       {model}.parquet {model}.regions.parquet
    results/benchmarks/                {genome}/{task}/{model}.parquet summary.tsv
    results/report/                    index.html and the plots with their tables
    results/provenance.json            inputs by checksum, versions, commit and configuration of all this; and the same
                                       beside tracks, variants, embeddings and tasks, of what each comes from
    results/logs/                      a log and a resource table (.time.tsv) for each job

Targets: all (the default), genomes, models, tracks, variants, embeddings, benchmark, report.
"""


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/genome.smk"
include: "workflow/rules/repeats.smk"
include: "workflow/rules/regions.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/variants.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/run.smk"


rule all:
    default_target: True
    input:
        rules.genomes.input,
        rules.models.input,
        rules.tracks.input,
        rules.variants.input,
        rules.embeddings.input,
        rules.benchmark.input,
        rules.report.input,
        rules.provenance.output,
    message:
        "Everything is up to date"


# Here alone: of several handlers of one kind Snakemake keeps the last.
onstart:
    check_places()
    fit_arrays()


onerror:
    for complaint in complaints():
        print(f"To mend: {complaint}", file=sys.stderr)


onsuccess:
    for line in closing_summary():
        print(line, file=sys.stderr)
