// The plane of teacher and probe: sample points, what is kept of them, and where the student points.

import { Chart } from "./chart.js";
import { keptInterval } from "./perceptron.js";

const COUNT = 600;
const REACH = 3.2;   // of the frame, in standard deviations

export class Plane extends Chart {
  constructor(figure) {
    super(figure, 0.8);
    this.samples = gaussianPairs(COUNT, 7);
  }

  // Equal scales on both axes: the frame shows less of the vertical one.
  draw({ f, theta, rule }, { R, side }) {
    const { left, right, top, bottom } = this.inner;
    const high = REACH * (bottom - top) / (right - left);
    this.begin(
      { low: -REACH, high: REACH, label: "teacher's field T·x" },
      { low: -high, high, label: "field across it" },
    );
    const c = Math.cos(theta), s = Math.sin(theta);
    const [from, to] = keptInterval(rule, f);
    if (rule !== "random") this.strips(from, Math.min(to, 3 * REACH), c, s);
    const paths = { dropped: "", plus: "", minus: "" }, rows = [];
    this.samples.forEach(([t, u], i) => {
      const z = Math.abs(c * t + s * u);
      const kept = rule === "random" ? (i * 0.6180339887) % 1 < f : z >= from && z <= to;
      const style = kept ? (t > 0 ? "plus" : "minus") : "dropped";
      paths[style] += `M${this.x(t).toFixed(1)} ${this.y(u).toFixed(1)}h.01`;
      rows.push([t, u, z, t > 0 ? 1 : -1, kept ? 1 : 0]);
    });
    for (const [style, d] of Object.entries(paths)) this.path(d, style);
    this.rule(0, "border");
    this.arrow(c, s, 2.4, "probe", "probe");
    this.arrow(R, side, 1.9, "student", "student");
    const kept = rows.filter((row) => row[4]).length;
    this.end(
      `${kept} of ${COUNT} examples are kept by rule ${rule}; the student's part in the plane is ` +
      `${R.toFixed(3)} along the teacher and ${side.toFixed(3)} across.`,
      () => ({ columns: ["teacher_field", "field_across", "abs_z", "label", "kept"], rows }),
    );
  }

  // The two strips from < |z| < to.
  strips(from, to, c, s) {
    let d = "";
    for (const sign of [1, -1]) {
      const corners = [[from, 9], [to, 9], [to, -9], [from, -9]]
        .map(([z, along]) => [sign * z * c - along * s, sign * z * s + along * c]);
      d += `M${corners.map(([x, y]) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`).join("L")}z`;
    }
    this.path(d, "region");
  }

  // An arrow of `length` along (a, b), as long as that part of a unit vector.
  arrow(a, b, length, style, name) {
    const x0 = this.x(0), y0 = this.y(0), x = this.x(length * a), y = this.y(length * b);
    const size = Math.hypot(x - x0, y - y0);
    if (size < 2) return;
    const [dx, dy] = [(x - x0) / size * 8, (y - y0) / size * 8];
    this.path(`M${x0} ${y0}L${x} ${y}M${x - dx - dy * 0.6} ${y - dy + dx * 0.6}L${x} ${y}L${x - dx + dy * 0.6} ${y - dy - dx * 0.6}`, `arrow ${style}`);
    this.text(x + 6, y + (b >= 0 ? -6 : 14), name);
  }
}

// Pairs of standard normals from a fixed seed (a 32-bit linear congruential generator, Box–Muller).
function gaussianPairs(count, seed) {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  return Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(uniform())), angle = 2 * Math.PI * uniform();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}
