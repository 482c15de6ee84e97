"""One file of a sheet from its URL or provider."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.download import download

    download(
        snakemake.params.source,
        snakemake.output.file,
        checksum=snakemake.params.sha256,
        kind=snakemake.params.kind,
        provenance_out=snakemake.output.provenance,
        cache=snakemake.config["downloads"]["cache"],
        mirrors=snakemake.config["downloads"]["mirrors"],
    )
