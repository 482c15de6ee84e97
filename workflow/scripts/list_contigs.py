from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.scoring.tiles import list_contigs

    list_contigs(snakemake.input.fasta, snakemake.params.patterns, snakemake.output[0])
