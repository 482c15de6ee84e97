from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.hub import write_hub
    from glmtracks.tracks import read_sizes

    write_hub(
        snakemake.wildcards.genome,
        snakemake.wildcards.model,
        read_sizes(snakemake.input.sizes),
        snakemake.input.fasta,
        snakemake.output[0],
    )
