from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.bigwig import write_bigwig
    from glmtracks.tracks import read_sizes

    write_bigwig(
        snakemake.input.scores, read_sizes(snakemake.input.sizes), snakemake.wildcards.track, snakemake.output[0]
    )
