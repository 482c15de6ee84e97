from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.genome import ContigNames, Genome, read_aliases
    from glmtracks.scoring.embeddings import embed_regions

    embed_regions(
        model_folder=Path(snakemake.input.config).parent,
        fasta=snakemake.input.fasta,
        provenance=snakemake.input.provenance,
        plan=snakemake.input.plan,
        bed=snakemake.input.bed,
        names=ContigNames(Genome(snakemake.input.fasta).contigs, read_aliases(snakemake.params.aliases)),
        destination=snakemake.output[0],
        layer=snakemake.params.layer,
        settings=snakemake.params.scores,
        threads=snakemake.threads,
    )
