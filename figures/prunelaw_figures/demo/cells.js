// Chebyshev polynomials on boxes: the evaluator of what cells.py makes.

const LEAF = ".", EMPTY = "-";

// One table: low, high, nodes, step and tree as in tables.json; its coefficients are the first of
// `whole`, in units of their steps.
export class Cells {
  constructor(frame, whole) {
    this.frame = frame;
    this.size = frame.nodes[0] * frame.nodes[1] * frame.nodes[2];
    this.outputs = frame.step.length;
    this.codes = frame.tree[Symbol.iterator]();
    this.leaves = 0;
    this.root = this.readTree({ low: frame.low, high: frame.high });
    this.coefficients = Float64Array.from(
      whole.subarray(0, this.leaves * this.outputs * this.size),
      (value, i) => value * frame.step[Math.floor(i / this.size) % this.outputs],
    );
    this.bases = frame.nodes.map((n) => new Float64Array(n));
    this.place = [0, 0, 0];
    this.row = new Float64Array(frame.nodes[0]);
    this.other = new Float64Array(frame.nodes[0]);
  }

  readTree(box) {
    const code = this.codes.next().value;
    if (code === EMPTY) return { leaf: -1 };
    if (code === LEAF) return { leaf: this.leaves++, ...box };
    const axis = Number(code), cut = 0.5 * (box.low[axis] + box.high[axis]);
    const below = { low: box.low, high: box.high.slice() };
    const above = { low: box.low.slice(), high: box.high };
    below.high[axis] = above.low[axis] = cut;
    return { axis, cut, below: this.readTree(below), above: this.readTree(above) };
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

// The 32-bit integers of a base64 text of raw deflate.
export async function inflated(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Int32Array(await new Response(stream).arrayBuffer());
}
