from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.scoring.planning import plan_scoring

    plan_scoring(
        model_folder=Path(snakemake.input.config).parent,
        fasta=snakemake.input.fasta,
        provenance=snakemake.input.provenance,
        destination=snakemake.output.json,
        table_out=snakemake.output.table,
        settings=snakemake.params.scores,
        **snakemake.params.ask,
        threads=snakemake.threads,
        split=snakemake.input.get("split") or None,
    )
