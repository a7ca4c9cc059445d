// Utility decay in closed form: errors of unions of pools, the best of them, and where it changes.
//
// Conventions and equations are those of prunelaw.decay.utility; here the passes are summed one by one,
// once for each union, up to the pass whose utility has died out.

const DIVISOR = 1e5;
const DEAD = 46;      // e^-46: a utility so weak changes no digit
const MOST = 200000;  // passes held for a union

// The error of a union as a function of the samples seen.
export class Union {
  // pools: [{size, b, tau}]; law: {a, d, convention}; seen: the most samples asked for.
  constructor(pools, law, seen) {
    this.law = law;
    this.size = pools.reduce((sum, pool) => sum + pool.size, 0);
    this.share = pools.map((pool) => pool.size / this.size);
    this.b = pools.map((pool) => pool.b);
    this.rate = pools.map((pool, i) => Math.LN2 / pool.tau * this.share[i]);
    this.first = this.share.reduce((sum, share, i) => sum + share * this.b[i], 0);
    this.sumPasses(Math.ceil(seen / this.size));
  }

  // this.sums[K − 1]: the exponent after K whole passes; this.utility[K], what the next one is worth.
  sumPasses(wanted) {
    const alive = DEAD / Math.min(...this.rate);
    const count = Math.min(wanted, Math.ceil(alive), MOST) + 1;
    for (const name of ["sums", "utility", "effective"]) this[name] = new Float64Array(count + 1);
    const { share, b, sums, utility, effective } = this;
    const delta = this.rate.map((rate) => Math.exp(-rate)), weight = share.slice();
    const effectiveLaw = this.law.convention === "effective_data";
    for (let k = 0; k <= count; k++) {
      let mean = 0, useful = 0;
      for (let i = 0; i < weight.length; i++) {
        mean += weight[i];
        useful += weight[i] * b[i];
        weight[i] *= delta[i];
      }
      utility[k] = effectiveLaw ? useful / mean : useful;
      if (k < count) effective[k + 1] = effective[k] + mean;
      if (k >= 1 && k < count) sums[k] = sums[k - 1] + utility[k] * this.ratio(k, 1, mean);
    }
  }

  // log of what a part of pass k + 1 multiplies the count of samples by.
  ratio(k, part, mean) {
    if (this.law.convention !== "effective_data") return Math.log1p(part / k);
    return Math.log1p(part * mean / this.effective[k]);
  }

  // Σ b_eff log(n_{k+1}/n_k) over the later passes; 0 up to the end of the first.
  growth(seen) {
    const passes = Math.max(seen / this.size, 1);
    const whole = Math.min(Math.floor(passes), this.sums.length - 3);
    const part = Math.min(passes - whole, 1);
    if (passes <= 1) return 0;
    const mean = this.effective[whole + 1] - this.effective[whole];
    return this.sums[whole - 1] + this.utility[whole] * this.ratio(whole, part, mean);
  }

  error(seen) {
    const { a, d, convention } = this.law;
    const start = Math.exp(this.first * Math.log(a / DIVISOR * Math.min(seen, this.size)));
    const factor = Math.exp(this.growth(seen));
    return convention === "official_code" ? (start + d) * factor : start * factor + d;
  }
}

// The unions of the best 1, 2, ... pools.
export function unionsOf(pools, law, seen) {
  return pools.map((_, i) => new Union(pools.slice(0, i + 1), law, seen));
}

// Index of the least error; of equal ones (to 1e-13) the smaller union.
export function bestUnion(unions, seen) {
  const errors = unions.map((union) => union.error(seen));
  const least = Math.min(...errors);
  return errors.findIndex((error) => error <= least * (1 + 1e-13));
}

// Every number of samples between low and high at which another union becomes the best.
export function switchPoints(unions, low, high) {
  const grid = [];
  for (let i = 0; i <= 400; i++) grid.push(low * (high / low) ** (i / 400));
  for (const union of unions) {
    for (let pass = 1; pass <= 64; pass++) grid.push(pass * union.size);
  }
  const inside = grid.filter((n) => n >= low && n <= high).sort((a, b) => a - b);
  const found = [];
  let before = bestUnion(unions, inside[0]);
  for (let i = 1; i < inside.length; i++) {
    const after = bestUnion(unions, inside[i]);
    if (after !== before) split(unions, inside[i - 1], inside[i], before, after, found);
    before = after;
  }
  return found;
}

// The switches between low, where `before` is best, and high, where `after` is.
function split(unions, low, high, before, after, found) {
  const gap = (n) => unions[before].error(n) - unions[after].error(n);
  let [a, b] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = Math.sqrt(a * b);
    if (gap(middle) < 0) a = middle; else b = middle;
  }
  const third = bestUnion(unions, b);
  if (third !== before && third !== after && b > low && b < high) {
    split(unions, low, b, before, third, found);
    split(unions, b, high, third, after, found);
    return;
  }
  found.push({ samples: b, from: before + 1, to: after + 1, error: unions[after].error(b) });
}

const TOP = ["top 0–10 %", "top 10–20 %", "top 20–30 %", "top 30–40 %"];
const published = (b, tau) => TOP.map((name, i) => ({ name, size: 12.8e6, b: b[i], tau: tau[i] }));

// Published fits, DataComp medium by T-MARS score (arXiv 2404.07177), as in prunelaw.decay.utility.
const UTILITY = published([-0.16, -0.125, -0.1, -0.085], [74 / 11, 94 / 11, 58 / 11, 25 / 11]);
export const PRESETS = {
  utility: { a: 0.025, d: 0.1, convention: "official_code", pools: UTILITY },
  paper: { a: 0.025, d: 0.1, convention: "paper", pools: UTILITY },
  effective: {
    a: 0.022, d: 0.1, convention: "effective_data",
    pools: published(
      [-0.182272727272727, -0.144848484848485, -0.13530303030303, -0.0975757575757576],
      [4, 48 / 11, 32 / 11, 16 / 11],
    ),
  },
};
