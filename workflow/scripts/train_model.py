from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.training import train_model

    train_model(
        kind=snakemake.params.kind,
        parameters=snakemake.params.parameters,
        genomes=snakemake.params.genomes,
        fastas=snakemake.input.fasta,
        repeats=snakemake.input.repeats,
        splits=snakemake.input.split,
        windows=snakemake.input.windows,
        licence=snakemake.params.licence,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        metrics_out=snakemake.output.metrics,
        training_out=snakemake.output.training,
    )
