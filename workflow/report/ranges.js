// Parts of files by HTTP Range: bigWig (Kent et al. 2010, supplement) and 2bit (UCSC), as far as the page needs them.
"use strict";
{
  class Remote {
    constructor(address) {
      this.address = address;
    }

    /** Bytes first … first + length - 1 as a DataView; fewer at the end of the file. */
    async view(first, length) {
      const answer = await fetch(this.address, { headers: { Range: `bytes=${first}-${first + length - 1}` } });
      if (answer.status !== 206) throw new Error(`${this.address}: status ${answer.status}`);
      return new DataView(await answer.arrayBuffer());
    }
  }

  const latin = (view, first, length) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + first, length);
    return String.fromCharCode(...bytes).replace(/\0+$/, "");
  };
  const long = (view, place) => Number(view.getBigUint64(place, true));

  const inflate = async (bytes) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new DataView(await new Response(stream).arrayBuffer());
  };

  /** What `read` gives, kept under a name of its owner; what fails is tried again when it is next asked for. */
  const once = (owner, name, read) => {
    owner[name] ??= read().catch((error) => {
      owner[name] = null;
      throw error;
    });
    return owner[name];
  };

  glm.BigWig = class {
    constructor(address) {
      this.file = new Remote(address);
    }

    head() {
      return once(this, "headed", async () => {
        const view = await this.file.view(0, 64);
        if (view.getUint32(0, true) !== 0x888ffc26) throw new Error(`${this.file.address} is no bigWig`);
        return { names: long(view, 8), index: long(view, 24), packed: view.getUint32(52, true) > 0 };
      });
    }

    /** name -> [number, length] of all contigs; the tree of names stands before the data and is read as a whole. */
    contigs() {
      return once(this, "named", async () => {
        const { names } = await this.head();
        const found = new Map();
        const top = await this.file.view(names, 32);
        const size = top.getUint32(8, true);
        const block = 4 + top.getUint32(4, true) * (size + 8);
        const walk = async (place) => {
          const view = await this.file.view(place, block);
          const count = view.getUint16(2, true);
          for (let n = 0, at = 4; n < count; n++, at += size + 8) {
            if (view.getUint8(0)) {
              found.set(latin(view, at, size), [view.getUint32(at + size, true), view.getUint32(at + size + 4, true)]);
            } else {
              await walk(long(view, at + size));
            }
          }
        };
        await walk(names + 32);
        return found;
      });
    }

    /** Values of start … end - 1 of a contig; NaN where there is none. */
    async values(contig, start, end) {
      const { index, packed } = await this.head();
      const found = new Float32Array(end - start).fill(NaN);
      const known = (await this.contigs()).get(contig);
      if (!known) return found;
      for (const [place, size] of await this.blocks(index + 48, known[0], start, end)) {
        const raw = await this.file.view(place, size);
        this.spread(packed ? await inflate(raw.buffer) : raw, start, end, found);
      }
      return found;
    }

    /** [place, bytes] of the blocks of data that overlap an interval. */
    async blocks(place, number, start, end) {
      const head = await this.file.view(place, 4);
      const [leaf, count] = [head.getUint8(0), head.getUint16(2, true)];
      const size = leaf ? 32 : 24;
      const view = await this.file.view(place + 4, count * size);
      const found = [];
      for (let n = 0, at = 0; n < count; n++, at += size) {
        const [first, from, last, to] = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset, true));
        const before = last < number || (last === number && to <= start);
        const after = first > number || (first === number && from >= end);
        if (before || after) continue;
        if (leaf) found.push([long(view, at + 16), long(view, at + 24)]);
        else found.push(...await this.blocks(long(view, at + 16), number, start, end));
      }
      return found;
    }

    /** The values of a block of data into `found`, which begins at `start`. */
    spread(view, start, end, found) {
      const [first, , step, span] = [4, 8, 12, 16].map((place) => view.getUint32(place, true));
      const [kind, count] = [view.getUint8(20), view.getUint16(22, true)];
      for (let n = 0, at = 24; n < count; n++) {
        let [from, to] = [first + n * step, first + n * step + span]; // kind 3: fixed steps
        if (kind === 1) [from, to] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
        if (kind === 2) [from, to] = [view.getUint32(at, true), view.getUint32(at, true) + span];
        at += { 1: 12, 2: 8, 3: 4 }[kind];
        if (from < end && to > start) found.fill(view.getFloat32(at - 4, true), Math.max(from - start, 0), to - start);
      }
    }
  };

  glm.TwoBit = class {
    constructor(address) {
      this.file = new Remote(address);
      this.records = new Map();
    }

    /** name -> place of the record; the index holds all names and stands at the beginning. */
    index() {
      return once(this, "indexed", async () => {
        const head = await this.file.view(0, 16);
        const count = head.getUint32(8, true);
        const view = await this.file.view(16, count * (1 + 255 + 8));
        const [wide, found] = [head.getUint32(4, true) === 1, new Map()];
        for (let n = 0, at = 0; n < count; n++) {
          const length = view.getUint8(at);
          const name = latin(view, at + 1, length);
          at += 1 + length;
          found.set(name, wide ? long(view, at) : view.getUint32(at, true));
          at += wide ? 8 : 4;
        }
        return found;
      });
    }

    /** Length, stretches of N, and the place of the bases of a contig. */
    async record(contig) {
      if (!this.records.has(contig)) {
        const place = (await this.index()).get(contig);
        const head = await this.file.view(place, 8);
        const [length, stretches] = [head.getUint32(0, true), head.getUint32(4, true)];
        const view = await this.file.view(place + 8, 8 * stretches + 4);
        const unknown = Array.from({ length: stretches }, (_, n) =>
          [view.getUint32(4 * n, true), view.getUint32(4 * (stretches + n), true)]);
        const masked = view.getUint32(8 * stretches, true);
        this.records.set(contig, { length, unknown, bases: place + 16 + 8 * stretches + 8 * masked });
      }
      return this.records.get(contig);
    }

    /** The bases start … end - 1 in upper case. */
    async sequence(contig, start, end) {
      const { unknown, bases } = await this.record(contig);
      const first = start >> 2;
      const view = await this.file.view(bases + first, ((end + 3) >> 2) - first);
      const found = Array.from({ length: end - start }, (_, n) =>
        "TCAG"[(view.getUint8(((start + n) >> 2) - first) >> (2 * (3 - ((start + n) & 3)))) & 3]);
      for (const [from, length] of unknown) {
        for (let n = Math.max(from, start); n < Math.min(from + length, end); n++) found[n - start] = "N";
      }
      return found.join("");
    }
  };
}
