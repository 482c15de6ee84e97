"""The repeats of a genome by the method of its sheet row."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.genome import read_aliases
    from glmtracks.repeats import find_repeats

    find_repeats(
        snakemake.input.fasta,
        snakemake.params.method,
        snakemake.output.bed,
        bed=snakemake.input.get("bed"),
        aliases=read_aliases(snakemake.params.aliases),
    )
