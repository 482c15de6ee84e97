from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.windows.cutting import cut_corpus

    cut_corpus(
        genomes=snakemake.params.genomes,
        held_out=snakemake.params.held_out,
        fastas=snakemake.input.fasta,
        repeats=snakemake.input.repeats,
        splits=snakemake.input.split,
        regions=snakemake.input.regions,
        windows_out=snakemake.output.windows,
        split_out=snakemake.output.split,
        shared_out=snakemake.output.shared,
        leakage_settings=snakemake.params.leakage,
        window_settings=snakemake.params.windows,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
