"""The region class of every base of a genome."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.annotation.regions import classify

    classify(
        snakemake.input.fasta,
        snakemake.input.repeats,
        snakemake.input.get("annotation") or None,
        snakemake.output[0],
        promoter=snakemake.params.promoter,
    )
