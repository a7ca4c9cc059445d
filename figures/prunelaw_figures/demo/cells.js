// Chebyshev polynomials on boxes: the decoder and evaluator of what cells.py writes.

const LEAF = 3, EMPTY = 4;

// One table. `frame` has low, high, nodes and step; the bytes begin at `start`, and `end` is where
// they stop.
export class Cells {
  constructor(frame, bytes, start) {
    this.frame = frame;
    this.size = frame.nodes[0] * frame.nodes[1] * frame.nodes[2];
    this.outputs = frame.step.length;
    this.position = start;
    this.leaves = 0;
    const box = { low: frame.low.slice(), high: frame.high.slice() };
    this.root = this.readTree(bytes, box);
    this.coefficients = this.readCoefficients(bytes);
    this.end = this.position;
    this.bases = frame.nodes.map((n) => new Float64Array(n));
    this.place = [0, 0, 0];
    this.row = new Float64Array(frame.nodes[0]);
    this.other = new Float64Array(frame.nodes[0]);
  }

  readTree(bytes, box) {
    const code = bytes[this.position++];
    if (code === EMPTY) return { leaf: -1 };
    if (code === LEAF) return { leaf: this.leaves++, ...box };
    const cut = 0.5 * (box.low[code] + box.high[code]);
    const below = { low: box.low, high: box.high.slice() };
    const above = { low: box.low.slice(), high: box.high };
    below.high[code] = above.low[code] = cut;
    return {
      axis: code, cut, below: this.readTree(bytes, below), above: this.readTree(bytes, above),
    };
  }

  readCoefficients(bytes) {
    const { step } = this.frame, { size } = this;
    const values = new Float64Array(this.leaves * this.outputs * size);
    for (let i = 0; i < values.length; i++) {
      let value = 0, factor = 1, byte;
      do {
        byte = bytes[this.position++];
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte > 127);
      const whole = value % 2 ? -(value + 1) / 2 : value / 2;
      values[i] = whole * step[Math.floor(i / size) % this.outputs];
    }
    return values;
  }

  // The first `count` outputs at (x, y, z), into `out`; points outside count as on the surface.
  evaluate(x, y, z, out, count = this.outputs) {
    const { place, bases, frame } = this, { low, high } = frame;
    place[0] = x; place[1] = y; place[2] = z;
    for (let k = 0; k < 3; k++) place[k] = Math.min(Math.max(place[k], low[k]), high[k]);
    let node = this.root;
    while (node.leaf === undefined) {
      node = place[node.axis] < node.cut ? node.below : node.above;
    }
    this.fillBasis(0, node);
    // Along a row, where only x changes, what y and z say of the first output is known already.
    const known = node.leaf === this.leaf && y === this.y && z === this.z;
    if (!known) {
      this.fillBasis(1, node);
      this.fillBasis(2, node);
    }
    for (let output = 0; output < count; output++) {
      const row = output ? this.other : this.row;
      if (output || !known) this.contract(node.leaf, output, row);
      let sum = 0;
      for (let a = 0; a < row.length; a++) sum += row[a] * bases[0][a];
      out[output] = sum;
    }
    this.leaf = node.leaf; this.y = y; this.z = z;
    return out;
  }

  fillBasis(k, { low, high }) {
    const width = Math.max(high[k] - low[k], 1e-12);
    fillChebyshev(this.bases[k], (2 * this.place[k] - low[k] - high[k]) / width);
  }

  // The polynomial in x alone, with y and z put in: its coefficients into `row`.
  contract(leaf, output, row) {
    const [n1, n2, n3] = this.frame.nodes, [, second, third] = this.bases;
    let i = (leaf * this.outputs + output) * this.size;
    for (let a = 0; a < n1; a++) {
      let plane = 0;
      for (let b = 0; b < n2; b++) {
        let sum = 0;
        for (let c = 0; c < n3; c++) sum += this.coefficients[i++] * third[c];
        plane += sum * second[b];
      }
      row[a] = plane;
    }
  }
}

function fillChebyshev(values, x) {
  values[0] = 1;
  if (values.length > 1) values[1] = x;
  for (let k = 2; k < values.length; k++) values[k] = 2 * x * values[k - 1] - values[k - 2];
}

// The bytes of a base64 text of raw deflate.
export async function inflated(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
