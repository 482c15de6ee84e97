"""Draw the items of one benchmark task on one genome.

input   fasta, regions, split; annotation (empty where the genome has none); outgroups (list of FASTA, may be empty);
        files (list, may be empty)
params  task; genome (genetic_code, contig_aliases); outgroups and files (their names, in the same order); options
        (`inputs.Options`); seed
output  [0] items.parquet
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.inputs import draw_items, read_inputs

    inputs = read_inputs(
        snakemake.input.fasta,
        snakemake.input.regions,
        snakemake.input.split,
        annotation=snakemake.input.annotation or None,
        outgroups=dict(zip(snakemake.params.outgroups, snakemake.input.outgroups, strict=True)),
        files=dict(zip(snakemake.params.files, snakemake.input.files, strict=True)),
        **snakemake.params.genome,
        options=snakemake.params.options,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
    draw_items(snakemake.params.task, inputs, snakemake.output[0])
