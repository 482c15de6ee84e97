from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.tracks import read_sizes
    from glmtracks.tracks.hub import write_hub

    write_hub(
        snakemake.wildcards.genome,
        snakemake.wildcards.model,
        read_sizes(snakemake.input.sizes),
        snakemake.output[0],
        fasta=snakemake.input.fasta,
        two_bit=snakemake.input.two_bit,
        sizes=snakemake.input.sizes,
        tracks=snakemake.params.tracks,
        ucsc=snakemake.params.ucsc,
        species=snakemake.params.species,
        genetic_code=snakemake.params.genetic_code,
    )
