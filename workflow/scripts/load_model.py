from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.models.registry import adopt

    adopt(
        snakemake.params.source,
        kind=snakemake.params.kind,
        parameters=snakemake.params.parameters,
        sha256_of_weights=snakemake.params.sha256,
        seen=snakemake.params.seen,
        licence=snakemake.params.licence,
        metrics_out=snakemake.output.metrics,
        training_out=snakemake.output.training,
    )
