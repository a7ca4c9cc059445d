// The pruned max-margin perceptron from its tables: error and order parameters at any place.

import { Cells } from "./cells.js";
import { upperQuantile } from "./gauss.js";

export const RULES = ["hard", "easy", "random"];
export const RANGE = { alpha: [0.1, 1000], f: [0.02, 1], theta: [0, 1.4] };

// Coordinates of the tables, as in tables.py.
const BEND = { hard: 0.2, easy: 0.1, band: 0.3 };
const LEAST = 0.05, WIDEST = 4.2;
const SLOPE = 3.2021, BENDS = [0.68635208, -2.06048246, 2.50476212, -1.09037321];
export const WIDEST_BAND = 0.995;   // no best band is looked for above this f

// log of the load at which keep-hard changes sharply for f → 0; τ = tan θ/γ.
function logCriticalLoad(tau) {
  const q = tau * tau / (1 + tau * tau);
  const bend = q * (BENDS[0] + q * (BENDS[1] + q * (BENDS[2] + q * BENDS[3])));
  return 0.5 * Math.log(4 + (SLOPE * tau) ** 2) + (q - 1) * bend;
}

// Edge of what is kept: |z| < edge for hard, |z| > edge for easy.
export function keepEdge(rule, f) {
  if (rule === "hard") return f < 1 ? upperQuantile(0.5 * (1 - f)) : Infinity;
  return rule === "easy" && f < 1 ? upperQuantile(0.5 * f) : 0;
}

// The intervals of |z| that a rule keeps.
export function keptInterval(rule, f) {
  const edge = keepEdge(rule, f);
  return rule === "hard" ? [0, edge] : [edge, Infinity];
}

export class Perceptron {
  // What tables.json says, and the integers of tables.bin.
  constructor(info, whole) {
    this.tables = {};
    for (const [rule, frame] of Object.entries(info.tables)) {
      this.tables[rule] = new Cells(frame, whole);
      whole = whole.subarray(this.tables[rule].coefficients.length);
    }
    this.out = new Float64Array(3);
    this.known = { hard: {}, easy: {} };
  }

  // log ε, log κ and cos χ into this.out; at f = 1 every rule is random.
  look(rule, alpha, f, theta, count) {
    const load = Math.log(alpha * f), slope = Math.tan(theta), { tables, out } = this;
    if (rule === "random" || f >= 1) return tables.random.evaluate(load, 0, 0, out, Math.min(count, 2));
    if (rule === "band") {
      const bandF = Math.min(f, WIDEST_BAND);
      const place = Math.asinh(slope / (BEND.band * bandF));
      return tables.band.evaluate(Math.log(alpha * bandF), Math.log(bandF), place, out, 1);
    }
    const gamma = this.edge(rule, f);
    if (rule === "hard") {
      const tau = slope / gamma;
      return tables.hard.evaluate(load - logCriticalLoad(tau), Math.log(gamma), Math.asinh(tau / BEND.hard), out, count);
    }
    return tables.easy.evaluate(load, gamma, Math.asinh(slope / (BEND.easy * Math.hypot(gamma, LEAST))), out, count);
  }

  // γ of a rule; the last one is kept, because curves ask for it again and again.
  edge(rule, f) {
    const known = this.known[rule];
    if (known.f !== f) {
      known.f = f;
      known.edge = rule === "hard" ? Math.min(keepEdge(rule, f), WIDEST) : keepEdge(rule, f);
    }
    return known.edge;
  }

  error(rule, alpha, f, theta) {
    return Math.exp(this.look(rule, alpha, f, theta, 1)[0]);
  }

  // ε, κ, the overlaps R and ρ, and the student's part along e_u (the probe's side of the teacher).
  state(rule, alpha, f, theta) {
    const [logError, logKappa, cosChi] = this.look(rule, alpha, f, theta, 3);
    const error = Math.exp(logError), omega = Math.PI * error;
    const R = Math.cos(omega), c = Math.cos(theta), s = Math.sin(theta);
    const pruned = rule !== "random" && f < 1;
    const side = pruned ? Math.sin(omega) * cosChi : 0;
    return { error, kappa: Math.exp(logKappa), R, rho: c * R + s * side, side };
  }

  // The f of least error between `ends`, with data sizes alphaAt(f): the best of a grid, then a golden
  // section between its neighbours.
  bestFraction(rule, alphaAt, theta, ends = RANGE.f) {
    const [low, high] = ends.map(Math.log), count = 120;
    const fraction = (x) => Math.min(Math.max(Math.exp(x), ends[0]), ends[1]);
    const at = (x) => this.error(rule, alphaAt(fraction(x)), fraction(x), theta);
    const place = (k) => low + (high - low) * k / count;
    let best = count, least = at(high);
    for (let i = count - 1; i >= 0; i--) {
      const value = at(place(i));
      if (value < least * (1 - 1e-9)) [best, least] = [i, value];
    }
    const inner = golden(at, place(Math.max(best - 1, 0)), place(Math.min(best + 1, count)));
    const x = at(inner) < least ? inner : place(best);
    return { f: fraction(x), error: at(x) };
  }

  // Hard, easy or random, or "band" where the best band gains more than a hundredth over them.
  bestRule(alpha, f, theta) {
    const errors = RULES.map((rule) => this.error(rule, alpha, f, theta));
    const least = Math.min(...errors);
    if (f < WIDEST_BAND && this.error("band", alpha, f, theta) < 0.99 * least) return "band";
    return RULES[errors.indexOf(least)];
  }
}

function golden(value, low, high) {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let a = high - ratio * (high - low), b = low + ratio * (high - low);
  let at = value(a), bt = value(b);
  for (let i = 0; i < 30; i++) {
    if (at < bt) { high = b; b = a; bt = at; a = high - ratio * (high - low); at = value(a); }
    else { low = a; a = b; at = bt; b = low + ratio * (high - low); bt = value(b); }
  }
  return 0.5 * (low + high);
}

// Root of an increasing or decreasing function between low and high in log; NaN without one.
export function crossing(gap, low, high) {
  let [a, b] = [Math.log(low), Math.log(high)];
  const first = gap(low);
  if (!(first * gap(high) < 0)) return NaN;
  for (let i = 0; i < 50; i++) {
    const middle = 0.5 * (a + b);
    if (gap(Math.exp(middle)) * first > 0) a = middle; else b = middle;
  }
  return Math.exp(0.5 * (a + b));
}
