from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.scoring.genome_scores import score_shard

    score_shard(
        model_folder=Path(snakemake.input.config).parent,
        fasta=snakemake.input.fasta,
        provenance=snakemake.input.provenance,
        plan=snakemake.input.plan,
        shard=snakemake.wildcards.shard,
        destination=snakemake.output[0],
        settings=snakemake.params.scores,
        threads=snakemake.threads,
        split=snakemake.input.get("split") or None,
    )
