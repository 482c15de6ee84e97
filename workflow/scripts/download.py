"""One file of a sheet from its URL or provider."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.download import download

    download(
        snakemake.params.source,
        snakemake.output[0],
        sha256=snakemake.params.sha256,
        kind=snakemake.params.kind,
    )
