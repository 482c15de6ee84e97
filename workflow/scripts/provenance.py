"""What the results of a run were made from and with."""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from glmtracks.provenance import write_provenance

    write_provenance(
        dict(zip(snakemake.output, snakemake.params.origins, strict=True)),
        inputs=dict(zip(snakemake.params.sources, snakemake.input.inputs, strict=True)),
        genomes=dict(zip(snakemake.params.genomes, snakemake.input.genomes, strict=True)),
        models=dict(zip(snakemake.params.models, snakemake.input.models, strict=True)),
        configuration=snakemake.params.configuration,
        seed=snakemake.params.seed,
        commit=snakemake.params.commit,
    )
