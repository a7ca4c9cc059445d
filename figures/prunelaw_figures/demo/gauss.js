// The normal distribution, its inverse, and Gauss-Legendre quadrature.

const ROOT_2PI = Math.sqrt(2 * Math.PI);

export const normalPdf = (x) => Math.exp(-0.5 * x * x) / ROOT_2PI;

// Marsaglia's series, 1/2 + φ(x) (x + x³/3 + x⁵/15 + ...): absolute error below 1e-14.
export function normalCdf(x) {
  if (x > 8) return 1;
  if (x < -8) return 0;
  let term = x, sum = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + sum * normalPdf(x);
}

// z with P(N > z) = p, for 0 < p <= 1/2: Newton on the cdf from Abramowitz & Stegun 26.2.23.
export function upperQuantile(p) {
  const t = Math.sqrt(-2 * Math.log(p));
  let z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
    (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (let i = 0; i < 4; i++) z += (normalCdf(-z) - p) / normalPdf(z);
  return z;
}

// [nodes, weights] on [-1, 1].
export function gaussLegendre(n) {
  const nodes = [], weights = [];
  for (let i = 0; i < n; i++) {
    let x = Math.cos(Math.PI * (i + 0.75) / (n + 0.5)), slope = 1;
    for (let step = 0; step < 8; step++) {
      let below = 1, value = x;
      for (let k = 2; k <= n; k++) {
        [below, value] = [value, ((2 * k - 1) * x * value - (k - 1) * below) / k];
      }
      slope = n * (x * value - below) / (x * x - 1);
      x -= value / slope;
    }
    nodes.push(x);
    weights.push(2 / ((1 - x * x) * slope * slope));
  }
  return [nodes, weights];
}
