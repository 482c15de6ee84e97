from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.windows.leakage import check_leakage

    check_leakage(snakemake.input[0], snakemake.output[0], snakemake.params.allow_leak)
