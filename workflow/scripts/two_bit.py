from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.genome import Genome
    from glmtracks.genome.twobit import write_twobit

    write_twobit(Genome(snakemake.input.fasta), snakemake.output[0])
