"""The annotation of a genome, of any style, as canonical GFF3."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.annotation import canonicalise
    from glmtracks.genome import read_aliases

    canonicalise(
        snakemake.input.annotation,
        snakemake.input.fasta,
        snakemake.output[0],
        read_aliases(snakemake.params.aliases),
        genetic_code=int(snakemake.params.get("genetic_code", 1)),
    )
