// Distribution of the margin y J·x, of kept examples before and after training, and of new ones.
//
// An example that was not trained on has the margin m of the test density.  Among those kept,
// training leaves margins above κ as they are and moves every smaller one to κ: what remains is the
// density above κ and a peak of weight P(m < κ) at κ, the support vectors.

import { gaussLegendre, normalCdf, normalPdf } from "./gauss.js";
import { keptInterval } from "./perceptron.js";

const [NODES, WEIGHTS] = gaussLegendre(16);
const FAR = 8;   // standard deviations beyond which nothing is counted

// Density of y J·x for all examples: 2 φ(m) Φ(m R/√(1 − R²)).
export function newDensity(m, R) {
  return 2 * normalPdf(m) * normalCdf(m * R / Math.sqrt(1 - R * R));
}

// Density of y J·x for kept examples that were not trained on.
//
// With teacher field t, probe field z and student field j, it is (2/f) φ(m) P(t > 0, z kept | j = m)
// by symmetry; z = ρ m + √(1 − ρ²) ζ, and t given (j, z) is normal.
export function keptDensity(m, rule, f, theta, { R, rho }) {
  const c = Math.cos(theta), spread = Math.sqrt(Math.max(1 - rho * rho, 1e-24));
  const covariance = c - R * rho;
  const left = Math.sqrt(Math.max(1 - R * R - (covariance / spread) ** 2, 1e-24));
  const slope = covariance / spread / left, start = R * m / left;
  const [low, high] = keptInterval(rule === "random" ? "hard" : rule, rule === "random" ? 1 : f);
  const inside = (zeta) => normalPdf(zeta) * normalCdf(start + slope * zeta);
  let sum = 0;
  for (const [a, b] of [[low, high], [-high, -low]]) {
    sum += integral(inside, (a - rho * m) / spread, (b - rho * m) / spread, -start / slope, 4 / Math.abs(slope));
  }
  const mass = rule === "random" ? 1 : f;
  return 2 * normalPdf(m) * sum / mass;
}

// ∫ inside over [low, high], cut to where a normal density lives, in panels that end around `step`.
function integral(inside, low, high, step, width) {
  const ends = [Math.max(low, -FAR), Math.min(high, FAR)];
  if (!(ends[0] < ends[1])) return 0;
  const cuts = [-4, -1.5, 1.5, 4, step - width, step, step + width];
  const edges = [...ends, ...cuts.filter((x) => x > ends[0] && x < ends[1])].sort((a, b) => a - b);
  let sum = 0;
  for (let i = 0; i + 1 < edges.length; i++) {
    const half = 0.5 * (edges[i + 1] - edges[i]), middle = 0.5 * (edges[i + 1] + edges[i]);
    for (let k = 0; k < NODES.length; k++) sum += half * WEIGHTS[k] * inside(middle + half * NODES[k]);
  }
  return sum;
}

// Share of the kept examples that end on the margin: 1 − ∫_κ^∞ density.
export function supportShare(rule, f, theta, state) {
  const top = Math.max(state.kappa, 0) + FAR, panels = 8;
  let beyond = 0;
  for (let i = 0; i < panels; i++) {
    const edge = (k) => state.kappa + (top - state.kappa) * (k / panels) ** 2;
    const half = 0.5 * (edge(i + 1) - edge(i)), middle = 0.5 * (edge(i + 1) + edge(i));
    for (let k = 0; k < NODES.length; k += 1) {
      beyond += half * WEIGHTS[k] * keptDensity(middle + half * NODES[k], rule, f, theta, state);
    }
  }
  return Math.min(Math.max(1 - beyond, 0), 1);
}
