from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.models.registry import adopt

    adopt(
        snakemake.params.source,
        kind=snakemake.params.kind,
        parameters=snakemake.params.parameters,
        seen=snakemake.params.seen,
        licence=snakemake.params.licence,
        metrics_out=snakemake.output.metrics,
        training_out=snakemake.output.training,
    )
