from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.benchmarks.table import gather

    gather(list(snakemake.input), snakemake.params.skipped, snakemake.output[0], snakemake.params.config_hash)
