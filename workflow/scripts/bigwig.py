from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.tracks import read_sizes
    from glmtracks.tracks.bigwig import write_bigwig

    write_bigwig(
        snakemake.input.scores, read_sizes(snakemake.input.sizes), snakemake.wildcards.track, snakemake.output[0]
    )
