// The genome browser: igv.js, started when it is asked for, over the slices of the page or the files of a server.
"use strict";
{
  const COLOURS = { A: "0,158,115", C: "0,114,178", G: "230,159,0", T: "213,94,0" }; // Okabe and Ito
  const GREY = "rgb(120,120,120)";
  const BLUE = "rgb(0,114,178)";
  const HEIGHTS = { llr: 110, small: 50, genes: 70 };

  /** A contig as igv.js may be asked for it: it takes what follows the first colon of HLA-A*01:01 for a place. */
  const plain = (contig) => contig.replaceAll(":", "|");
  /** A contig as igv.js knows it: as its file names it, or, of what the page carries, as it may be asked for. */
  const named = (scores, contig) => (scores.whole ? contig : plain(contig));

  /** The bases of the page as FASTA, with where each slice begins, in a data URI. */
  const fasta = (scores) => {
    let from = 0;
    const records = scores.data.windows.map(([contig, start, end]) => {
      const bases = scores.data.ref.slice(from, from += end - start);
      return `>${plain(contig)}:${start + 1}-${end} @len=${scores.data.lengths[contig]}\n${bases}\n`;
    });
    return `data:text/plain;base64,${btoa(records.join(""))}`;
  };

  const reference = async (scores) => {
    const { name, data: { files } } = scores;
    if (!scores.whole) return { id: name, name, fastaURL: fasta(scores), indexed: false };
    const renamed = [...(await scores.open("sequence")).keys()].filter((contig) => plain(contig) !== contig);
    const aliases = renamed.map((contig) => `${contig}\t${plain(contig)}\n`).join("");
    return aliases ? { ...files.reference, aliasURL: `data:text/plain;base64,${btoa(aliases)}` } : files.reference;
  };

  /** A source of features for igv.js: one for each base that `value(stretch, position)` knows. */
  const source = (scores, model, value) => ({
    readFeatures: async (contig, start, end) => {
      const features = [];
      for (const stretch of scores.slices(model)) {
        if (named(scores, stretch.contig) !== contig) continue;
        for (let place = Math.max(stretch.start, start); place < Math.min(stretch.end, end); place++) {
          const found = value(stretch, place);
          if (found !== null) features.push({ chr: contig, start: place, end: place + 1, value: found });
        }
      }
      return features;
    },
  });

  const wig = (name, colour, height, where, more = {}) =>
    ({ type: "wig", name, color: colour, height, windowFunction: "none", visibilityWindow: -1, ...where, ...more });

  const scoreTracks = (scores, model) => {
    const files = scores.data.files.tracks[model];
    const uncertainty = (stretch, place) => (stretch.entropy(place) === null ? null : stretch.entropy(place) / 1000);
    const constraint = (stretch, place) => (stretch.entropy(place) === null ? null : 2 - stretch.entropy(place) / 1000);
    const llr = (base) => (stretch, place) => (stretch.base(place) === base || stretch.llr(place, base) === null ? null : stretch.llr(place, base) / 1000);
    const inPage = (value) => ({ reader: source(scores, model, value), queryable: true });
    const bars = [..."ACGT"].map((base) => wig(`llr_${base}`, `rgb(${COLOURS[base]})`, HEIGHTS.llr,
      scores.whole ? { url: files[`llr_${base}`], format: "bigwig" } : inPage(llr(base))));
    const entropy = scores.whole ? { url: files.entropy, format: "bigwig" } : inPage(uncertainty);
    const tracks = [
      { type: "merged", name: glm.say("track_llr", { model }), height: HEIGHTS.llr, alpha: 0.6, autoscale: true, tracks: bars },
      wig(glm.say("track_entropy", { model }), GREY, HEIGHTS.small, entropy, { min: 0, max: 2 }),
    ];
    if (!scores.whole) {
      const letters = { graphType: "dynseq", min: 0, max: 2 };
      tracks.unshift(wig(glm.say("track_constraint", { model }), BLUE, HEIGHTS.small, inPage(constraint), letters));
    }
    return tracks;
  };

  const feature = (scores, [contig, start, end, name, strand, exons]) => ({
    chr: named(scores, contig), start, end, name, strand,
    exons: exons.map(([from, to, cdStart, cdEnd]) => (cdStart === null ? { start: from, end: to, utr: true } : { start: from, end: to, cdStart, cdEnd })),
  });

  const drawn = (name, features, more) => ({ type: "annotation", name, features, visibilityWindow: -1, displayMode: "EXPANDED", ...more });

  const annotationTracks = (scores) => {
    const { genes, repeats, items, files } = scores.data;
    const file = (name, url, format, more) => ({ type: "annotation", name, url, indexURL: `${url}.tbi`, format, displayMode: "EXPANDED", ...more });
    const shown = [];
    if (scores.whole && files.genes) shown.push(file(glm.say("track_genes"), files.genes, "gff3", { height: HEIGHTS.genes, color: BLUE }));
    else if (genes.length) shown.push(drawn(glm.say("track_genes"), genes.map((gene) => feature(scores, gene)), { height: HEIGHTS.genes, color: BLUE }));
    if (scores.whole && files.repeats) shown.push(file(glm.say("track_repeats"), files.repeats, "bed", { displayMode: "COLLAPSED", height: 25, color: GREY }));
    else if (repeats.length) {
      const features = repeats.map(([contig, start, end]) => ({ chr: named(scores, contig), start, end }));
      shown.push(drawn(glm.say("track_repeats"), features, { displayMode: "COLLAPSED", height: 25, color: GREY }));
    }
    if (items.length) {
      const features = items.map(([contig, start, end, change, label, contrast]) =>
        ({ chr: named(scores, contig), start, end, name: `${change} ${contrast}`.trim(), color: label ? BLUE : GREY }));
      shown.push(drawn(glm.say("track_items"), features, { displayMode: "SQUISHED", height: 60 }));
    }
    return shown;
  };

  const start = () => {
    const code = document.getElementById("igv-source");
    document.head.append(glm.element("script", {}, code.textContent));
    code.remove();
  };

  glm.Browser = class {
    constructor(place) {
      this.place = place;
      this.shown = null;
      this.last = Promise.resolve(); // the question before, which may still be on its way
    }

    /** Show a genome by a model at a locus (contig, start, end); one question after the other, as people click. */
    show(scores, model, locus) {
      this.last = this.last.catch(() => {}).then(() => this.draw(scores, model, locus));
      return this.last;
    }

    /** The same at once; starts igv.js if need be. */
    async draw(scores, model, locus) {
      if (!window.igv) start();
      const key = `${scores.name} ${model}`;
      const at = `${plain(locus.contig)}:${locus.start + 1}-${locus.end}`;
      const open = this.shown === key;
      this.shown = null; // until it is: what fails on the way is taken from the page, and begun anew
      if (open) await this.igv.search(at);
      else await this.open(scores, model, at);
      this.shown = key;
    }

    /** Begin anew, with other tracks. */
    async open(scores, model, at) {
      if (this.igv) window.igv.removeBrowser(this.igv);
      this.igv = null;
      this.place.replaceChildren();
      this.igv = await window.igv.createBrowser(this.place, {
        loadDefaultGenomes: false,
        reference: await reference(scores),
        locus: at,
        showChromosomeWidget: scores.whole,
        showSVGButton: true,
        queryParametersSupported: false,
        tracks: [...annotationTracks(scores), ...scoreTracks(scores, model)],
      });
      const name = (control, words) => this.place.shadowRoot?.querySelector(control)?.setAttribute("aria-label", words);
      name("input[type=range]", glm.say("browser_zoom"));
      name("select[name=chromosome-select-widget]", glm.say("browser_contig"));
    }
  };
}
