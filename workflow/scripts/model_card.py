from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.report.model_card import write_card

    write_card(Path(snakemake.output[0]).parent, snakemake.params.licence)
