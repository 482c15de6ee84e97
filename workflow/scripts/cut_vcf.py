"""A region of one VCF of a sheet."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.variants.vcf_region import cut_vcf

    cut_vcf(
        snakemake.params.source,
        snakemake.output.vcf,
        snakemake.output.provenance,
        mirrors=snakemake.config["downloads"]["mirrors"],
    )
