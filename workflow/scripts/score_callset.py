from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.variants.callset_scores import score_callset

    score_callset(
        alleles=Path(snakemake.input.alleles, f"{snakemake.wildcards.shard}.parquet"),
        fasta=snakemake.input.fasta,
        provenance=snakemake.input.provenance,
        model_folder=Path(snakemake.input.config).parent,
        plan=snakemake.input.plan,
        scores=snakemake.input.get("scores"),
        calibration=snakemake.input.get("calibration"),
        destination=snakemake.output[0],
        settings=snakemake.params.scores,
        **snakemake.params.variants,
        extras=snakemake.params.extras,
        threads=snakemake.threads,
    )
