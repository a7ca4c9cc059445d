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
    const { place, bases, frame } = this, { low, high, nodes } = frame;
    place[0] = x; place[1] = y; place[2] = z;
    for (let k = 0; k < 3; k++) place[k] = Math.min(Math.max(place[k], low[k]), high[k]);
    let node = this.root;
    while (node.leaf === undefined) {
      node = place[node.axis] < node.cut ? node.below : node.above;
    }
    for (let k = 0; k < 3; k++) {
      const width = Math.max(node.high[k] - node.low[k], 1e-12);
      fillChebyshev(bases[k], (2 * place[k] - node.low[k] - node.high[k]) / width);
    }
    const [first, second, third] = bases, [n1, n2, n3] = nodes;
    let i = node.leaf * this.outputs * this.size;
    for (let output = 0; output < count; output++) {
      let sum = 0;
      for (let a = 0; a < n1; a++) {
        let plane = 0;
        for (let b = 0; b < n2; b++) {
          let row = 0;
          for (let c = 0; c < n3; c++) row += this.coefficients[i++] * third[c];
          plane += row * second[b];
        }
        sum += plane * first[a];
      }
      out[output] = sum;
    }
    return out;
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
