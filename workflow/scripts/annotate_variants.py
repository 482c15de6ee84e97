from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.tracks import read_sizes
    from glmtracks.variants.annotated_vcf import annotate_vcf

    annotate_vcf(
        snakemake.input.vcf,
        [Path(snakemake.input.alleles, Path(shard).name) for shard in snakemake.input.scores],
        snakemake.input.scores,
        read_sizes(snakemake.input.sizes),
        snakemake.output.vcf,
        snakemake.output.parquet,
        model=snakemake.wildcards.model,
    )
