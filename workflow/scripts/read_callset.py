from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.genome import ContigNames, Genome, read_aliases
    from glmtracks.variants.callset import read_callset

    genome = Genome(snakemake.input.fasta)
    read_callset(
        snakemake.input.vcf,
        genome,
        ContigNames(genome.contigs, read_aliases(snakemake.params.aliases)),
        shards=snakemake.params.shards,
        folder=snakemake.output.alleles,
        mismatches=snakemake.output.mismatches,
        mismatches_if_refused=Path(snakemake.log[0]).with_suffix(".ref_mismatches.tsv"),  # outputs of a failed job go
        max_mismatches=snakemake.params.max_mismatches,
        checksum=snakemake.params.sha256,
    )
