from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.split import split_genome

    split_genome(
        fasta=snakemake.input.fasta,
        destination=snakemake.output[0],
        settings=snakemake.params.split,
        test_contigs=snakemake.params.test_contigs,
        validation_contigs=snakemake.params.validation_contigs,
        seed=snakemake.params.seed,
    )
