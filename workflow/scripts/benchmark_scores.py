"""Look up one model's scores of the items of one benchmark task.

input   table (items.parquet); scores (dataset folder of the model's genome scores); calibration (folder, may be empty)
params  task
output  [0] {model}.parquet
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.scores import score_items

    score_items(
        snakemake.params.task,
        snakemake.input.table,
        snakemake.input.scores,
        snakemake.output[0],
        calibration=snakemake.input.calibration or None,
    )
