from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.tracks import read_sizes, write_dataset

    write_dataset(snakemake.input.shards, read_sizes(snakemake.input.sizes), snakemake.output.scores)
