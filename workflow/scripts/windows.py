from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.windows import split_and_cut

    split_and_cut(
        fasta=snakemake.input.fasta,
        repeats=snakemake.input.repeats,
        regions=snakemake.input.regions,
        windows_out=snakemake.output.windows,
        split_out=snakemake.output.split,
        leakage_out=snakemake.output.leakage,
        split_settings=snakemake.params.split,
        window_settings=snakemake.params.windows,
        test_contigs=snakemake.params.test_contigs,
        validation_contigs=snakemake.params.validation_contigs,
        seed=snakemake.params.seed,
    )
