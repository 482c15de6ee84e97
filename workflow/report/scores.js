// Where scores come from: the slices in the page, or, when the page is served, the tracks beside it.
"use strict";
{
  const bytes = (packed) => Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const NO_SCORE = -32768;
  const NO_CONSEQUENCE = 255;
  const TRACKS = ["llr_A", "llr_C", "llr_G", "llr_T", "entropy"];

  /** The scores of consecutive bases; llr and entropy in thousandths as the files round them, null where none. */
  class Stretch {
    constructor(contig, start, ref, values, consequences) {
      Object.assign(this, { contig, start, ref, values, consequences, end: start + ref.length });
    }

    at(column, position) {
      const value = this.values[column][position - this.start];
      return value === NO_SCORE || Number.isNaN(value) ? null : value;
    }

    base(position) {
      return this.ref[position - this.start];
    }

    llr(position, base) {
      return this.at("ACGT".indexOf(base), position);
    }

    entropy(position) {
      return this.at(4, position);
    }

    /** P(A), P(C), P(G), P(T), or null. */
    probabilities(position) {
      const llr = [0, 1, 2, 3].map((column) => this.at(column, position));
      if (llr.includes(null)) return null;
      const weights = llr.map((value) => Math.exp(value / 1000));
      const sum = weights.reduce((one, other) => one + other);
      return weights.map((weight) => weight / sum);
    }

    consequence(position, base) {
      if (!this.consequences) return null;
      const code = this.consequences[4 * (position - this.start) + "ACGT".indexOf(base)];
      return code === NO_CONSEQUENCE ? null : glm.consequences[code];
    }

    part(start, end) {
      const [first, last] = [start - this.start, end - this.start];
      return new Stretch(this.contig, start, this.ref.slice(first, last), this.values.map((v) => v.slice(first, last)),
        this.consequences?.slice(4 * first, 4 * last) ?? null);
    }
  }

  glm.Scores = class {
    /** A genome of the page's data: what stands in it is unpacked when a model is first asked for. */
    constructor(name, data) {
      Object.assign(this, { name, data, models: Object.keys(data.models), source: "source_page" });
      this.unpacked = new Map();
      this.ranks = new Map();
      this.opened = new Map();
    }

    /** Whether every scored base can be asked about, not only those in the page. */
    get whole() {
      return this.source === "source_files";
    }

    get bases() {
      return this.data.ref.length;
    }

    slices(model) {
      if (!this.unpacked.has(model)) {
        const packed = this.data.models[model];
        const llr = new Int16Array(bytes(packed.llr).buffer);
        const columns = [0, 1, 2, 3].map((base) => llr.filter((_, n) => n % 4 === base));
        columns.push(new Int16Array(bytes(packed.entropy).buffer));
        const consequences = this.data.consequences && bytes(this.data.consequences);
        let from = 0;
        this.unpacked.set(model, this.data.windows.map(([contig, start, end]) => {
          const to = from + end - start;
          const part = [columns.map((column) => column.subarray(from, to)), consequences?.subarray(4 * from, 4 * to) ?? null];
          const stretch = new Stretch(contig, start, this.data.ref.slice(from, to), ...part);
          from = to;
          return stretch;
        }));
      }
      return this.unpacked.get(model);
    }

    /** phred of a llr in thousandths: its rank among all changes of the genome; null without a calibration. */
    phred(model, llr) {
      const table = this.data.models[model].phred;
      if (!table || llr === null) return null;
      if (!this.ranks.has(model)) this.ranks.set(model, new Uint32Array(bytes(table.values).buffer));
      const ranks = this.ranks.get(model);
      return ranks[Math.min(Math.max(llr - table.low, 0), ranks.length - 1)] / 1000;
    }

    /** Find out where scores can be read: whether a server gives parts of the files beside the page, asked once. */
    async connect() {
      const { sequence, tracks } = this.data.files;
      const written = Object.values(tracks).every((files) => TRACKS.every((track) => files[track]));
      if (!written) this.source = "source_no_tracks";
      if (!written || !location.protocol.startsWith("http") || !sequence) return;
      try {
        const answer = await fetch(sequence, { headers: { Range: "bytes=0-3" } });
        await answer.body?.cancel();
        this.source = answer.status === 206 ? "source_files" : "source_no_ranges";
      } catch {
        this.source = "source_no_ranges";
      }
    }

    /** The contig of this genome that a person means by a name, or null: chrI for I and i, chrM for MT. */
    async contig(name) {
      const known = this.whole ? [...(await this.open("sequence")).keys()] : Object.keys(this.data.lengths);
      const plain = (text) => text.toLowerCase().replace(/^chr/, "").replace(/^mt$/, "m");
      return known.find((contig) => contig === name) ?? known.find((contig) => plain(contig) === plain(name)) ?? null;
    }

    async open(file) {
      if (file === "sequence") {
        this.twoBit ??= new glm.TwoBit(this.data.files.sequence);
        return this.twoBit.index();
      }
      if (!this.opened.has(file)) this.opened.set(file, new glm.BigWig(file));
      return this.opened.get(file);
    }

    async length(contig) {
      if (contig in this.data.lengths) return this.data.lengths[contig];
      await this.open("sequence");
      return (await this.twoBit.record(contig)).length;
    }

    /** Why there is no base at a position of a contig that a person named, or null where there is one. */
    async missing({ contig: name, position }) {
      const contig = await this.contig(name);
      if (!contig) return this.whole ? glm.say("no_contig", { contig: name }) : this.outside();
      const length = await this.length(contig);
      return position < length ? null : glm.say("off_end", { contig, length: glm.count(length) });
    }

    /** What is said of a base that the page does not carry. */
    outside() {
      return glm.say("outside", { windows: this.places(3) });
    }

    /** The scores of start … end - 1, cut at the ends of what is at hand; null where `start` … is not at hand. */
    async read(model, contig, start, end, need = start) {
      const slice = this.slices(model).find((one) => one.contig === contig && one.start <= need && need < one.end);
      if (slice && slice.start <= start && end <= slice.end) return slice.part(start, end);
      if (this.whole) return this.fetched(model, contig, Math.max(start, 0), Math.min(end, await this.length(contig)));
      return slice ? slice.part(Math.max(start, slice.start), Math.min(end, slice.end)) : null;
    }

    async fetched(model, contig, start, end) {
      await this.open("sequence");
      const readers = await Promise.all(TRACKS.map((track) => this.open(this.data.files.tracks[model][track])));
      const [genes, ref, ...columns] = await Promise.all([
        this.askGenes(contig, start, end),
        this.twoBit.sequence(contig, start, end),
        ...readers.map((reader) => reader.values(contig, start, end)),
      ]);
      return new Stretch(contig, start, ref, columns.map((values) => values.map((value) => Math.round(value * 1000))), genes);
    }

    /** What changes do there, as the server that comes along tells; null from a server of files alone. */
    async askGenes(contig, start, end) {
      const place = `${encodeURIComponent(contig)}:${start}-${end}?genetic_code=${this.data.genetic_code}`;
      const answer = await fetch(`../consequences/${encodeURIComponent(this.name)}/${place}`);
      if (!answer.ok) return null;
      const found = await answer.json();
      this.data.genes.push(...found.genes);
      return bytes(found.consequences);
    }

    genes(contig, position) {
      const here = this.data.genes.filter(([name, from, to]) => name === contig && from <= position && position < to);
      return [...new Set(here.map((gene) => gene[3]))];
    }

    /** "chrI:1–2,000, …": the places that the page carries. */
    places(most = 6) {
      const named = this.data.windows.slice(0, most).map(([contig, start, end]) => `${contig}:${glm.count(start + 1)}–${glm.count(end)}`);
      return named.join(", ") + (this.data.windows.length > most ? ", …" : "");
    }
  };
}
