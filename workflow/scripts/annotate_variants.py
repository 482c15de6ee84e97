from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.genome import ContigNames, Genome, read_aliases
    from glmtracks.scoring import model_lookup
    from glmtracks.variants import annotate_vcf, combine, dataset_lookup

    genome = Genome(snakemake.input.fasta)
    folder = Path(snakemake.input.config).parent
    annotate_vcf(
        snakemake.input.vcf,
        genome,
        ContigNames(genome.contigs, read_aliases(snakemake.params.aliases)),
        combine(
            dataset_lookup(snakemake.input.scores),
            model_lookup(folder, genome, snakemake.params.scores, snakemake.threads, snakemake.input.plan),
        ),
        snakemake.output.vcf,
        snakemake.output.parquet,
        model=snakemake.wildcards.model,
    )
