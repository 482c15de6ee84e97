from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.windows.split import split_genome

    split_genome(
        fasta=snakemake.input.fasta,
        destination=snakemake.output[0],
        settings=snakemake.params.split,
        **snakemake.params.named,
        aliases=snakemake.params.aliases,
        seed=snakemake.params.seed,
    )
