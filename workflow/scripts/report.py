"""Write the report page.

input   summary (results/benchmarks/summary.tsv), from whose place all others are known; of the rest, bigWigs by name
params  genomes, models, callsets (rows of the sheets by name); plots (genome -> names); corpora (names);
        linted (pairs of genome and model)
output  [0] index.html
"""

from glmtracks.jobs import job

with job(snakemake.log[0]):
    from pathlib import Path

    from glmtracks.report.page import Page, write_page

    page = Page(
        results=Path(snakemake.input.summary).parents[1],
        genomes=snakemake.params.genomes,
        models=snakemake.params.models,
        callsets=snakemake.params.callsets,
        plots=snakemake.params.plots,
        corpora=snakemake.params.corpora,
        bigwigs=sorted({Path(file).stem for file in snakemake.input if file.endswith(".bw")}),
        linted=[tuple(pair) for pair in snakemake.params.linted],
    )
    write_page(page, snakemake.output[0])
