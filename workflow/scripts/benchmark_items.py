"""Draw the items of one benchmark task on one genome.

input   fasta, regions, split; annotation and outgroups (a list) where the genome has them
params  task; genome (row of the genome sheet); outgroups (names, in the order of the input); options (max_items,
        gc_window, draws); seed
output  [0] items.parquet
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.inputs import draw_items, read_inputs

    files = snakemake.input.get("outgroups", [])
    files = [files] if isinstance(files, str) else list(files)
    inputs = read_inputs(
        snakemake.input.fasta,
        snakemake.input.regions,
        snakemake.input.split,
        annotation=snakemake.input.get("annotation") or None,
        outgroups=dict(zip(snakemake.params.get("outgroups", []), files, strict=True)),
        genetic_code=snakemake.params.genome.get("genetic_code"),
        options=snakemake.params.options,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
    draw_items(snakemake.params.task, inputs, snakemake.output[0])
