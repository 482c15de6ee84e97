from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.scoring.embeddings import embed_genome

    embed_genome(
        model_folder=Path(snakemake.input.config).parent,
        fasta=snakemake.input.fasta,
        provenance=snakemake.input.provenance,
        plan=snakemake.input.plan,
        destination=snakemake.output[0],
        **snakemake.params.embeddings,
        settings=snakemake.params.scores,
        threads=snakemake.threads,
    )
