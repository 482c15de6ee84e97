"""A FASTA in whatever shape to the genome the workflow works on."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.genome import normalise

    normalise(
        snakemake.input.fasta,
        snakemake.output.fasta,
        sizes_out=snakemake.output.sizes,
        provenance_out=snakemake.output.provenance,
        include=snakemake.params.include,
        exclude=snakemake.params.exclude,
        exclude_title=snakemake.params.exclude_title,
        circular=snakemake.params.circular,
        checksum=snakemake.params.sha256,
        origin=snakemake.params.origin,
        downloaded=snakemake.input.get("downloaded"),
    )
