"""Compare models and baselines on one benchmark task of one genome.

input   table (items.parquet); scores (one {model}.parquet for each model); configs (config.json of each, same order);
        split (split.tsv)
params  task; genome (name); models (names, in the order of the scores); draws; seed; left_out (models that cannot do
        the task -> why)
output  [0] tab-separated table
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.summary import summarise
    from glmtracks.benchmarks.table import describe_models

    summarise(
        snakemake.params.task,
        snakemake.params.genome,
        snakemake.input.table,
        list(snakemake.input.scores),
        describe_models(list(snakemake.input.configs), snakemake.params.genome, snakemake.input.split),
        snakemake.output[0],
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        left_out=snakemake.params.left_out,
    )
