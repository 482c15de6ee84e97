"""Which exons and coding bases belong to which transcript of which gene, from the rows of a GFF3 or GTF file."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from glmtracks.annotation.places import find_places

logger = logging.getLogger(__name__)

PREFIX = r"^(?:(?:gene|transcript|rna|cds|CDS|mRNA)[:-]|(?:Gene|Transcript|Pseudogene):)"  # the latter of WormBase
PARTS = ["exon", "CDS", "UTR", "stop_codon", "transcript"]
LOCUS = ["locus_tag", "gene_id", "gene", "gene_name", "name"]
GENERIC_TYPES = ["mRNA", "transcript", "primary_transcript", "gene"]
COLUMNS = [
    "contig",
    "start",
    "end",
    "strand",
    "feature",
    "transcript",
    "gene",
    "biotype",
    "phase",
    "gene_name",
    "begins",
]
MAX_DEPTH = 5  # of gene > primary transcript > transcript, and what few files put above a gene


def assemble(rows: pd.DataFrame, circular: Mapping[str, int]) -> pd.DataFrame:
    """Exons and CDS of every transcript.

    A part belongs to its parent transcript, or to the only transcript of its parent gene. Where the file names none, it
    belongs to the feature of the same ID, else to the transcript_id, else to the locus (locus_tag, gene_id, gene; one
    that has several gene rows is divided among them, one with several proteins by protein_id), a UTR else to the
    transcript whose CDS it touches, else it stands for itself. A transcript on two strands, contigs or places
    (trans-splicing, pseudo-autosomal regions, IDs given twice; see `places`) becomes one transcript for each, and a
    gene on several contigs one for each, numbered ":2", ":3", …

    Exons that the file does not give are derived: from the CDS and UTR rows, stretched to the ends of the transcript
    row, or from the transcript rows where those are its segments or nothing else is known. A pseudogene or gene of RNA
    without any part is one exon; other genes without are left out. A stop codon beside the CDS (the habit of GTF) is
    added to it. The CDS of pseudogenes, and CDS without a strand, count as exons only.

    Args:
        rows: as from `gff.read_rows`.
        circular: lengths of the contigs that are circular.

    Returns:
        contig, start, end (0-based half-open), strand, feature ("exon" or "CDS"), transcript, gene, biotype, gene_name
        (strings), phase (int8: as in the file for CDS, -1 where it has none), begins (bool) and row_end (where the row
        of its transcript ends, NaN where there is none); in no particular order.
    """
    nodes = rows[rows["kind"].isin(["gene", "transcript"]) & rows["id"].notna()].drop_duplicates("id").set_index("id")
    parts, genes = rows[rows["kind"].isin(PARTS)], rows[rows["kind"] == "gene"]
    parts = _one_transcript_each(pd.concat([parts, _bare_genes(genes, parts, nodes)]), nodes)
    parts["name_of_key"] = _keys(parts, genes, nodes)
    parts["key"], keys = pd.factorize(parts["name_of_key"])
    parts["kind"] = _readable_kind(parts)
    described = _describe(parts, pd.Index(keys), nodes)
    found = find_places(parts, rows, nodes, circular)
    strand = pd.factorize(parts["contig"])[0] * 3 + parts["strand"].map({"+": 0, "-": 1, ".": 2}).to_numpy()
    place = strand * (found["place"].max() + 1) + found["place"].to_numpy()
    code = parts["key"].to_numpy() * (place.max(initial=0) + 1) + place
    parts["begins"] = found["begins"] & ~parts["no_start"].groupby(code).transform("any")
    spliced = parts["kind"] != "transcript"  # its row may have another strand than these, or none
    stray = ~spliced.groupby(code).transform("any") & spliced.groupby(parts["key"]).transform("any")
    parts, code = parts[~stray], code[~stray]
    parts["group"], groups = pd.factorize(code)
    key = groups // (place.max(initial=0) + 1)
    copy = pd.Series(key).groupby(key).cumcount().to_numpy()

    exons = _exons(parts).assign(feature="exon", phase=np.int8(-1))
    features = pd.concat([exons, _cds(parts).assign(feature="CDS")], ignore_index=True)
    group = features["group"].to_numpy()
    features["row_end"] = features["group"].map(parts[parts["kind"] == "transcript"].groupby("group")["end"].max())
    first = parts.drop_duplicates("group")
    for column in ["contig", "strand", "begins"]:
        features[column] = first[column].to_numpy()[group]
    for column in ["transcript", "gene", "biotype", "gene_name"]:
        features[column] = described[column].to_numpy()[key[group]]
    features["transcript"] = _numbered(features["transcript"], copy[group])
    places = features[["gene", "contig"]].drop_duplicates()
    places["copy"] = places.groupby("gene").cumcount()
    features = features.merge(places, on=["gene", "contig"], how="left")
    features["gene"] = _numbered(features["gene"], features["copy"].to_numpy())
    strings = ["contig", "strand", "transcript", "gene", "biotype", "gene_name"]
    return features.astype(dict.fromkeys(strings, "str"))[[*COLUMNS, "row_end"]]


def _numbered(names: pd.Series, copy: np.ndarray) -> pd.Series:
    """Names with ":2" for copy 1, ":3" for copy 2, … and as they are for copy 0."""
    return names.where(copy == 0, names + ":" + pd.Series(copy + 1, names.index).astype("str"))


def _bare_genes(genes: pd.DataFrame, parts: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """The rows of pseudogenes and genes of RNA that have no part, as transcripts."""
    above = nodes.index.get_indexer(nodes["parent"])
    held = np.zeros(len(nodes) + 1, dtype=bool)  # the last: no node
    held[nodes.index.get_indexer(parts["parent"].unique())] = True
    for _ in range(MAX_DEPTH):
        held[above[held[:-1]]] = True
    held[-1] = False
    has_parts = pd.Series(held[nodes.index.get_indexer(genes["id"])], genes.index)
    if has_parts.all():
        return genes[:0]
    has_parts |= genes["id"].isin("gene:" + parts["gene_id"].dropna())
    unlinked = parts[~parts["parent"].isin(nodes.index)]
    for column in LOCUS:
        has_parts |= genes[column].isin(unlinked[column].dropna())
    bare = genes[~has_parts]
    kind = bare["gene_biotype"].fillna(bare["biotype"]).fillna(bare["type"])
    untranslated = kind.str.contains("seudo|RNA") | (bare["pseudo"].notna() & (bare["pseudo"] != "false"))
    if len(bare):
        logger.info(
            "%d genes have neither transcript nor CDS: %d pseudogenes and genes of RNA are taken for exons, the others "
            "are left out",
            len(bare),
            untranslated.sum(),
        )
    return bare[untranslated].assign(kind="transcript")


def _one_transcript_each(parts: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Of several parents of one feature, those that are transcripts, else the first; for a gene its one transcript."""
    single = nodes[nodes["type"].isin(["mRNA", "transcript"])].drop_duplicates("parent", keep=False)
    single = single[single["parent"].notna()].reset_index().set_index("parent")["id"]
    only_child = parts["parent"].map(single).where(parts["kind"] != "transcript")
    parts = parts.assign(parent=only_child.fillna(parts["parent"]))
    good = (parts["parent"].map(nodes["kind"]) == "transcript") & (parts["kind"] != "transcript")
    any_good = good.groupby(parts["row"]).transform("any")
    return parts[good | (~any_good & ~parts.duplicated("row"))].reset_index(drop=True)


def _keys(parts: pd.DataFrame, genes: pd.DataFrame, nodes: pd.DataFrame) -> pd.Series:
    """For every part a string that all parts of its transcript share."""
    is_cds = parts["kind"] == "CDS"
    own = (parts["kind"] == "transcript") | (is_cds & parts["parent"].isna())
    key = parts["id"].where(own, parts["parent"])
    of_gene = parts[is_cds & parts["id"].notna() & (parts["parent"].map(nodes["kind"]) == "gene")]
    isoforms = _of_several_proteins(of_gene)
    key = key.where(~isoforms.reindex(parts.index, fill_value=False), parts["id"]).fillna(parts["transcript_id"])
    key = key.fillna(_locus(parts[key.isna()], genes[genes["id"].isna()]))
    return _with_utrs_beside(parts, key)


def _with_utrs_beside(parts: pd.DataFrame, key: pd.Series) -> pd.Series:
    """The keys, that of a UTR without any transcript (RefSeq's viruses) made that of the CDS which it touches."""
    alone = parts[(parts["kind"] == "UTR") & ~key.isin(key[parts["kind"] != "UTR"])]
    cds = parts[parts["kind"] == "CDS"]
    for of_utr, of_cds in [("end", "start"), ("start", "end")] if len(alone) else []:
        owner = key[cds.index].set_axis(_edge(cds, of_cds))
        owner = _edge(alone, of_utr).map(owner[~owner.index.duplicated()])
        key = owner.reindex(key.index).fillna(key)
    return key


def _edge(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows["contig"] + rows["strand"] + rows[column].astype("str")


def _of_several_proteins(cds: pd.DataFrame) -> pd.Series:
    """True for CDS rows whose gene has several proteins: by protein_id, or by CDS of different IDs that overlap."""
    cds = cds.sort_values(["parent", "start"], kind="stable")
    same_gene = cds["parent"] == cds["parent"].shift()
    reached = cds.groupby("parent")["end"].cummax().shift()
    overlap = same_gene & (cds["start"] < reached) & (cds["id"] != cds["id"].shift())
    several = cds.groupby("parent")["protein_id"].transform("nunique") > 1
    return several | overlap.groupby(cds["parent"]).transform("any").astype(bool)


def _locus(parts: pd.DataFrame, genes: pd.DataFrame) -> pd.Series:
    """The locus of parts without any ID or parent, told apart by protein or gene row where it has several."""
    locus = _locus_name(parts)
    proteins = parts.groupby(locus)["protein_id"].transform("nunique")
    locus = locus.where(~(proteins > 1) | parts["protein_id"].isna(), parts["protein_id"])
    position = parts["contig"] + ":" + (parts["start"] + 1).astype("str") + "-" + parts["end"].astype("str")
    locus = locus.fillna(parts["protein_id"]).fillna(parts["id"]).fillna(position)
    genes = genes.assign(locus=_locus_name(genes))
    genes = genes[genes.duplicated(["contig", "locus"], keep=False) & genes["locus"].notna()]
    genes = genes.assign(copy=genes.groupby(["contig", "locus"]).cumcount())[
        ["contig", "locus", "start", "end", "copy"]
    ]
    found = parts[["contig", "start", "end"]].assign(locus=locus, index=parts.index)
    found = found.merge(genes, on=["contig", "locus"], suffixes=("", "_gene"))
    found = found[(found["start"] >= found["start_gene"]) & (found["end"] <= found["end_gene"]) & (found["copy"] > 0)]
    found = found.drop_duplicates("index").set_index("index")
    numbered = found["locus"] + ":" + (found["copy"] + 1).astype("str")
    return numbered.reindex(parts.index).fillna(locus)


def _locus_name(rows: pd.DataFrame) -> pd.Series:
    """The first of the LOCUS attributes that each row has."""
    name = rows[LOCUS[0]]
    for column in LOCUS[1:]:
        name = name.fillna(rows[column])
    return name


def _readable_kind(parts: pd.DataFrame) -> pd.Series:
    """The kind of every part, CDS of pseudogenes and CDS without a strand turned into mere exonic sequence."""
    is_cds = parts["kind"] == "CDS"
    pseudo = parts.loc[is_cds & parts["pseudo"].notna() & (parts["pseudo"] != "false"), "key"].unique()
    unread = is_cds & (parts["key"].isin(pseudo) | (parts["strand"] == "."))
    if count := parts.loc[unread, "key"].nunique():
        logger.info("%d transcripts are pseudogenes or have no strand: their CDS count as exons", count)
    return parts["kind"].where(~unread, "UTR")


def _describe(parts: pd.DataFrame, keys: pd.Index, nodes: pd.DataFrame) -> pd.DataFrame:
    """transcript, gene, gene_name and biotype of every key."""

    def first(column: str, of: pd.DataFrame = parts) -> pd.Series:
        values = of[["key", column]].dropna().drop_duplicates("key").set_index("key")[column]
        return values.reindex(range(len(keys))).astype("str")

    def node(column: str, of: pd.Series) -> pd.Series:
        return of.map(nodes[column]).astype("str")

    key = pd.Series(keys, dtype="str")
    parent = node("parent", key)
    parent = parent.fillna(first("parent", parts[parts["parent"] != parts["name_of_key"]]))
    for _ in range(MAX_DEPTH):
        parent = node("parent", parent).fillna(parent)
    gene = parent.fillna(key.where(node("kind", key) == "gene"))
    name = first("gene_name").fillna(first("gene"))
    for column in ["name", "gene", "gene_name"]:
        name = node(column, gene).fillna(name)
    gene = gene.fillna(first("gene_id")).fillna(first("locus_tag")).fillna(first("gene")).fillna(key)
    gene = _without_prefix(gene)

    row_type = first("type", parts[parts["kind"] == "transcript"])
    gene_biotype = node("biotype", parent).fillna(node("gene_biotype", parent)).fillna(first("gene_biotype"))
    gene_biotype = gene_biotype.fillna(first("pseudo").notna().map({True: "pseudogene", False: None}))
    coding = pd.Series(np.isin(np.arange(len(keys)), parts.loc[parts["kind"] == "CDS", "key"]))
    specific = gene_biotype.where(gene_biotype != "protein_coding").fillna(
        row_type.where(~row_type.isin(GENERIC_TYPES))
    )
    derived = gene_biotype.fillna("protein_coding").where(coding, specific.fillna(row_type).fillna("transcript"))
    biotype = first("biotype").fillna(derived).replace("mRNA", "protein_coding")
    transcript = _without_prefix(key)
    return pd.DataFrame({"transcript": transcript, "gene": gene, "gene_name": name.fillna(gene), "biotype": biotype})


def _without_prefix(names: pd.Series) -> pd.Series:
    """Identifiers without "gene:", "rna-" and the like, where that leaves different ones different."""
    full = pd.Series(names.unique(), dtype="str")
    short = full.str.replace(PREFIX, "", regex=True)
    short = short.where(~short.duplicated(keep=False) & (short != ""), full)
    return names.map(pd.Series(short.to_numpy(), index=full.to_numpy()))


def _exons(parts: pd.DataFrame) -> pd.DataFrame:
    """group, start, end of the exons of every transcript, given or derived."""
    parts = parts.drop_duplicates(["group", "kind", "start", "end"])
    given = parts[parts["kind"] == "exon"]
    rest = parts[~parts["group"].isin(given["group"])]
    rows, pieces = rest[rest["kind"] == "transcript"], rest[rest["kind"] != "transcript"]
    segmented = rows["group"].duplicated(keep=False) | ~rows["group"].isin(pieces["group"])
    segments, spans = _merge(rows[segmented]), rows[~segmented].set_index("group")
    derived = _merge(pieces[~pieces["group"].isin(segments["group"])])
    first, last = ~derived.duplicated("group"), ~derived.duplicated("group", keep="last")
    low, high = spans["start"].reindex(derived["group"]).to_numpy(), spans["end"].reindex(derived["group"]).to_numpy()
    derived["start"] = np.where(first, np.fmin(low, derived["start"]), derived["start"]).astype(np.int64)
    derived["end"] = np.where(last, np.fmax(high, derived["end"]), derived["end"]).astype(np.int64)
    return pd.concat([given[["group", "start", "end"]], segments, derived], ignore_index=True)


def _merge(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of every group with those that overlap or touch made one: group, start, end, sorted."""
    rows = rows.sort_values(["group", "start"])
    same = rows["group"] == rows["group"].shift()
    reached = rows.groupby("group")["end"].cummax().shift()
    block = (~same | (rows["start"] > reached)).cumsum()
    return rows.groupby(block.to_numpy()).agg(group=("group", "first"), start=("start", "first"), end=("end", "max"))


def _cds(parts: pd.DataFrame) -> pd.DataFrame:
    """group, start, end, phase of the CDS of every transcript, its stop codon included."""
    columns = ["group", "start", "end", "phase"]
    cds = parts.loc[parts["kind"] == "CDS", columns].drop_duplicates(["group", "start", "end"])
    stops = parts[(parts["kind"] == "stop_codon") & parts["group"].isin(cds["group"])]
    if stops.empty:
        return cds
    spans = cds.groupby("group").agg(low=("start", "min"), high=("end", "max"))
    stops = stops.join(spans, on="group").drop_duplicates(["group", "start", "end"])
    forward = stops["strand"] == "+"
    outside = np.where(forward, stops["start"] >= stops["high"], stops["end"] <= stops["low"])
    touching = outside & np.where(forward, stops["start"] == stops["high"], stops["end"] == stops["low"])
    cds = cds.join(spans, on="group")
    after = stops[touching & forward].groupby("group")["end"].max()
    before = stops[touching & ~forward].groupby("group")["start"].min()
    longer_end = cds["group"].map(after).where(cds["end"] == cds["high"]).fillna(cds["end"])
    longer_start = cds["group"].map(before).where(cds["start"] == cds["low"]).fillna(cds["start"])
    cds = cds.assign(start=longer_start.astype(np.int64), end=longer_end.astype(np.int64))
    split = stops[outside & ~touching].assign(phase=np.int8(-1))
    return pd.concat([cds, split])[columns]
