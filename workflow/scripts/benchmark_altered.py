"""Score the items of one benchmark task by one model, some of them as sequence that does not stand in the genome.

input   table (items.parquet); scores (dataset folder of the model's genome scores); fasta; weights, config (of the
        model); plan
params  task; scores (settings of scoring the genome)
output  [0] {model}.parquet
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.benchmarks.altered import score_altered_items

    score_altered_items(
        snakemake.params.task,
        snakemake.input.table,
        snakemake.input.scores,
        Path(snakemake.input.config).parent,
        snakemake.input.fasta,
        snakemake.output[0],
        plan=snakemake.input.plan,
        settings=snakemake.params.scores,
        threads=snakemake.threads,
    )
