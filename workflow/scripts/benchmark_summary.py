"""Compare models and baselines on one benchmark task of one genome.

input   items; scores (one {model}.parquet for each model)
params  task; genome (name); models (name, kind, seen, hash of each, in the order of input.scores); options (draws); seed
output  [0] tab-separated table
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.inputs import Options
    from glmtracks.benchmarks.summary import summarise

    scores = snakemake.input.scores
    summarise(
        snakemake.params.task,
        snakemake.params.genome,
        snakemake.input.items,
        [scores] if isinstance(scores, str) else list(scores),
        snakemake.params.models,
        snakemake.output[0],
        draws=Options(**snakemake.params.options).draws,
        seed=snakemake.params.seed,
    )
