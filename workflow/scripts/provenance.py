"""What a run was made from and with."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.provenance import write_provenance

    write_provenance(
        snakemake.output[0],
        inputs=dict(zip(snakemake.params.sources, snakemake.input.inputs, strict=True)),
        genomes=dict(zip(snakemake.params.genomes, snakemake.input.genomes, strict=True)),
        models=dict(zip(snakemake.params.models, snakemake.input.models, strict=True)),
        configuration=snakemake.params.configuration,
        seed=snakemake.params.seed,
        commit=snakemake.params.commit,
    )
