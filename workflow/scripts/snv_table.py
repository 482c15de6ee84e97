"""All SNVs of a genome with their scores by a model, as text."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.tracks.snv_table import write_snvs

    write_snvs(snakemake.input.scores, snakemake.output.tsv)
