"""Transcripts of which the parts lie at several places of a contig: trans-spliced ones, and those that share an ID."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from glmtracks.annotation.gff import TRANS_SPLICED
from glmtracks.genome.contigs import a_few

logger = logging.getLogger(__name__)

LEVELS = 3  # of the IDs that a part goes by: its transcript, the gene of that, and what few files put between them
STRANDED_PLACE = ["key", "contig", "strand", "place"]


def find_places(
    parts: pd.DataFrame, rows: pd.DataFrame, nodes: pd.DataFrame, circular: Mapping[str, int]
) -> pd.DataFrame:
    """Where the parts of each transcript lie together, and where its reading begins.

    Where rows of genes, or of transcripts of several exons, share an ID but no base, each of them is a place, unless
    the file joins them: by `part=`, or by a row of a transcript that goes over several. A trans-spliced transcript is
    read in the order of `part=`, else of the file; where that goes back, a place ends too.

    Args:
        parts: exons, CDS and so on of the transcripts, with columns key (int) and name_of_key (see `transcripts`).
        rows: as from `gff.read_rows`.
        nodes: the genes and transcripts by ID.
        circular: lengths of the circular contigs; a gene cut at the origin lies at one place.

    Returns:
        place (int64, 0 where a transcript has but one on each strand of a contig) and begins (bool, False at the places
        of a trans-spliced transcript that are not its first): one row per part.
    """
    several = _rows_apart(rows, parts, circular)
    place = _of_rows(parts, several, nodes)
    is_spliced = parts["exception"].str.contains(TRANS_SPLICED, regex=False, na=False)
    is_spliced = is_spliced.groupby(parts["key"]).transform("any")
    own = parts[(parts["kind"] == "transcript") & ~is_spliced]
    begin = _of_rows(own.assign(end=own["start"] + 1), several, nodes)
    joined = own.loc[(begin > 0) & (begin != place[own.index]), "key"]
    place = place.mask(parts["key"].isin(joined), 0)
    found = parts.assign(place=place, of_row=place.map(several.set_index("place")["part"]))
    named = found.loc[~is_spliced, ["name_of_key", "contig", "place"]].drop_duplicates()
    shared = named.loc[named.duplicated(["name_of_key", "contig"]), "name_of_key"].unique()
    if len(shared):
        logger.warning(
            "%d IDs of transcripts stand for several places of a contig (%s): what lies at each is a transcript of "
            "its own; where it is not, give its gene one row",
            len(shared),
            a_few(list(shared)),
        )
    if not is_spliced.any():
        return pd.DataFrame({"place": place, "begins": True}, parts.index)
    order = {
        name: found[name].astype("str").str.extract(r"^(\d+)", expand=False).astype(float)
        for name in ["of_row", "part"]
    }
    read = found.assign(**order)[is_spliced].sort_values(["key", "of_row", "part", "row"], kind="stable")
    found["place"] += (place.max() + 1) * _turns(found, read)
    first = found.loc[read.index[read["kind"] == "CDS"]].drop_duplicates("key")[STRANDED_PLACE]
    first = pd.MultiIndex.from_frame(found[STRANDED_PLACE]).isin(pd.MultiIndex.from_frame(first))
    return found[["place"]].assign(begins=first | ~is_spliced)


def _rows_apart(rows: pd.DataFrame, parts: pd.DataFrame, circular: Mapping[str, int]) -> pd.DataFrame:
    """The places that have rows of genes or transcripts of one ID: place (1, 2, …), id, contig, start, end, part."""
    named = rows.loc[rows["kind"].isin(["gene", "transcript"]) & rows["id"].notna()]
    named = named.drop_duplicates(["id", "contig", "start", "end"])
    named = named[named["part"].isna() | named["exception"].str.contains(TRANS_SPLICED, regex=False, na=False)]
    named = named[named.duplicated(["id", "contig"], keep=False)].sort_values(["id", "contig", "start"])
    reached = named.groupby(["id", "contig"])["end"].cummax().shift()
    named["place"] = (~named.duplicated(["id", "contig"]) | (named["start"] >= reached)).cumsum()
    same = {name: (name, "first") for name in ["id", "contig", "kind"]}
    places = named.groupby("place").agg(**same, start=("start", "min"), end=("end", "max"), part=("part", "min"))
    places = places.reset_index()
    mine = parts[parts["kind"].isin(["exon", "CDS"]) & parts["name_of_key"].isin(places["id"])]
    mine = mine.drop_duplicates(["name_of_key", "contig", "start", "end", "kind"])
    exons = mine.groupby([_place_within(mine, mine["name_of_key"], places), "kind"]).size().groupby(level=0).max()
    places["exons"] = places["place"].map(exons).fillna(0)
    by = places.groupby(["id", "contig"])
    cut = by["start"].transform("min").eq(0) & by["end"].transform("max").eq(places["contig"].map(circular))
    segments = (places["kind"] == "transcript") & (by["exons"].transform("max") < 2)
    return places[(by["place"].transform("size") > 1) & ~cut & ~segments]


def _place_within(parts: pd.DataFrame, names: pd.Series, places: pd.DataFrame) -> pd.Series:
    """Which place of the ID that it goes by each part overlaps, the last of several; 0 where it overlaps none."""
    read = parts[["contig", "start"]].assign(id=names, last=parts["end"] - 1, index=parts.index).sort_values("last")
    at = {"left_on": "last", "right_on": "start", "by": ["id", "contig"]}
    found = pd.merge_asof(read, places.sort_values("start"), **at, suffixes=("", "_place"))
    found = found[found["end"] > found["start"]].set_index("index")["place"]
    return found.reindex(parts.index, fill_value=0).astype(np.int64)


def _of_rows(parts: pd.DataFrame, places: pd.DataFrame, nodes: pd.DataFrame) -> pd.Series:
    """The place whose row, of its transcript or else of its gene, each part overlaps; 0 where there is none."""
    place = pd.Series(0, parts.index)
    name = parts["name_of_key"]
    for _ in range(LEVELS if len(places) else 0):
        place = place.where(place > 0, _place_within(parts, name, places))
        name = name.map(nodes["parent"]).fillna(parts["parent"].where(parts["parent"] != name))
    return place


def _turns(parts: pd.DataFrame, read: pd.DataFrame) -> pd.Series:
    """How often a trans-spliced transcript has gone back, when read as far as each part: int64.

    Where the rows of a place stand by their positions, as in a sorted file, going back means nothing.

    Args:
        parts: with columns key, contig, strand, place, start, end.
        read: of these those of trans-spliced transcripts, in reading order.
    """
    has_exons = read["key"].isin(read.loc[read["kind"] == "exon", "key"])
    read = read[read["kind"] == np.where(has_exons, "exon", "CDS")]
    is_sorted = (
        read.groupby(["key", "place"])["start"].transform(lambda start: start.is_monotonic_increasing).astype(bool)
    )
    before = read.shift()
    same = (read[STRANDED_PLACE] == before[STRANDED_PLACE]).all(axis=1)
    back = np.where(read["strand"] == "-", read["end"] > before["end"], read["start"] < before["start"])
    turns = read.assign(turns=(same & back & ~is_sorted).groupby(read["key"]).cumsum())
    place = ["key", "contig", "strand"]
    found = parts[[*place, "start", "end"]].assign(index=parts.index)
    found = found.merge(turns[[*place, "start", "end", "turns"]], on=place, suffixes=("", "_read"))
    found = found[(found["start"] < found["end_read"]) & (found["end"] > found["start_read"])]
    return found.drop_duplicates("index").set_index("index")["turns"].reindex(parts.index, fill_value=0)
