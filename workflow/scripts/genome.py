"""A FASTA in whatever shape to the genome the workflow works on."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.genome import normalise

    normalise(
        snakemake.input.fasta,
        snakemake.output.fasta,
        sizes_out=snakemake.output.sizes,
        provenance_out=snakemake.output.provenance,
        **snakemake.params.contigs,
        checksum=snakemake.params.sha256,
        origin=snakemake.params.origin,
        downloaded=snakemake.input.get("downloaded"),
    )
