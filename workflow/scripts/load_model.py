from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.models.registry import adopt

    adopt(
        snakemake.input.folder,
        kind=snakemake.params.kind,
        seen=snakemake.params.seen,
        licence=snakemake.params.licence,
        metrics_out=snakemake.output.metrics,
        training_out=snakemake.output.training,
    )
