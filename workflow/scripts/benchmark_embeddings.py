"""Score the items of one benchmark task by one model's embeddings of them.

input   table (items.parquet); fasta; weights, config (of the model); plan
params  task; scores (settings of scoring the genome); layer; seed
output  [0] {model}.parquet
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.benchmarks.states import embed_items

    embed_items(
        snakemake.params.task,
        snakemake.input.table,
        Path(snakemake.input.config).parent,
        snakemake.input.fasta,
        snakemake.output[0],
        plan=snakemake.input.plan,
        layer=snakemake.params.layer,
        settings=snakemake.params.scores,
        threads=snakemake.threads,
        seed=snakemake.params.seed,
    )
