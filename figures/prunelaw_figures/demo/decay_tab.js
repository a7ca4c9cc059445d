// Second tab: editable pools, the error of their unions, the best filter and where it switches.

import { Chart, shortNumber } from "./chart.js";
import { Control, say, showReadout } from "./controls.js";
import { bestUnion, PRESETS, switchPoints, unionsOf } from "./decay.js";

const SEEN = [5e6, 1e10];
const CURVE_POINTS = 240;
const MOST_POOLS = 6;
const UNITS = { K: 1e3, M: 1e6, B: 1e9 };
const CONVENTIONS = ["official_code", "paper", "effective_data"];
// Allowed values of the table's columns, and how an error names them.
const FIELDS = {
  size: [1e4, 1e10, "N must be from 10K to 10B samples"],
  b: [-2, 0, "b must be from -2 to 0"],
  tau: [0.01, 1000, "τ must be from 0.01 to 1000 epochs"],
};
const LAW = { a: [1e-9, 1e9, "a must be above 0"], d: [0, 1, "d must be from 0 to 1"] };
const line = (pool) => [pool.name, pool.size, pool.b, pool.tau].join("~");

export const DECAY_DEFAULTS = {
  seen: "128000000", preset: "utility", convention: "official_code", a: "0.025", d: "0.1",
  pools: PRESETS.utility.pools.map(line).join("|"),
};

// 12.8M, 3B or 6.4e8 as a number; NaN if it is none.
export function amount(text) {
  const found = /^\s*([\d.]+(?:e[+-]?\d+)?)\s*([KMB]?)\s*$/i.exec(text);
  return found ? Number(found[1]) * (UNITS[found[2].toUpperCase()] ?? 1) : NaN;
}

export class DecayTab {
  constructor(view) {
    this.view = view;
    const figure = (id) => document.getElementById(id);
    this.unionChart = new Chart(figure("unions"));
    this.ribbon = new Chart(figure("ribbon"));
    this.rows = document.querySelector("#pools tbody");
    this.trouble = figure("pool-trouble");
    this.fields = { a: figure("law-a"), d: figure("law-d") };
    this.preset = figure("preset");
    this.convention = figure("convention");
    this.seen = new Control("seen", view, {
      range: SEEN, log: true, digits: 4, read: amount, write: (n) => shortNumber(n, 4), changed: () => this.update(),
    });
    this.listen();
  }

  listen() {
    this.preset.addEventListener("change", () => this.usePreset(this.preset.value));
    this.convention.addEventListener("change", () => this.edited());
    for (const field of Object.values(this.fields)) field.addEventListener("change", () => this.edited());
    this.rows.addEventListener("change", () => this.edited());
    this.rows.addEventListener("click", (event) => {
      if (!event.target.matches("button")) return;
      const { rowIndex } = event.target.closest("tr");
      this.change(this.written().filter((_, i) => i !== rowIndex - 1));
    });
    document.getElementById("add-pool").addEventListener("click", () => {
      const pools = this.written(), last = pools.at(-1);
      this.change([...pools, { ...last, name: `pool ${pools.length + 1}`, b: Number((0.85 * last.b).toPrecision(3)) }]);
    });
  }

  // Other rows than before.
  change(pools) {
    this.showPools(pools);
    this.edited(pools);
  }

  // After the frames have changed their size, or another view has come.
  redraw() {
    for (const chart of [this.unionChart, this.ribbon]) chart.measure();
    this.seen.show();
    this.model = this.fromView();
    this.preset.value = this.view.get("preset");
    this.convention.value = this.model.law.convention;
    for (const name of ["a", "d"]) this.fields[name].value = this.model.law[name];
    this.showPools(this.model.pools);
    this.prepare();
  }

  // A published fit, or pools and law of the address; the default where those cannot be used.
  fromView() {
    const preset = PRESETS[this.view.get("preset")];
    const own = preset ?? this.ownNumbers();
    const { pools, ...law } = firstTrouble(own.pools, own) ? PRESETS.utility : own;
    return { pools, law };
  }

  ownNumbers() {
    const pools = this.view.get("pools").split("|").map((text) => {
      const [name, ...numbers] = text.split("~");
      const [size, b, tau] = numbers.map(Number);
      return { name, size, b, tau };
    });
    const number = (name) => Number(this.view.get(name));
    return { a: number("a"), d: number("d"), convention: this.view.get("convention"), pools };
  }

  usePreset(name) {
    if (!PRESETS[name]) this.keep(this.model);
    this.view.set("preset", name);
    this.redraw();
  }

  keep({ pools, law }) {
    this.model = { pools, law };
    this.view.set("preset", "own");
    this.view.set("pools", pools.map(line).join("|"));
    for (const name of ["a", "d", "convention"]) this.view.set(name, law[name]);
  }

  // Rows of fields; each keeps the exact value of what it shows in data-exact.
  showPools(pools) {
    const quoted = (value) => String(value).replace(/&/g, "&amp;").replace(/"/g, "&quot;");
    const field = (name, shown, exact, label) =>
      `<td><input data-name="${name}" value="${quoted(shown)}" data-exact="${quoted(exact)}" aria-label="${label}"></td>`;
    const short = (value) => Number(value.toPrecision(4));
    this.rows.innerHTML = pools.map((pool, i) => "<tr>" +
      field("name", pool.name, pool.name, `name of pool ${i + 1}`) +
      field("size", shortNumber(pool.size, 4), pool.size, `samples of pool ${i + 1}`) +
      field("b", short(pool.b), pool.b, `utility of pool ${i + 1}`) +
      field("tau", short(pool.tau), pool.tau, `half-life of pool ${i + 1} in epochs`) +
      `<td><button type="button" aria-label="Remove pool ${i + 1}"${pools.length < 2 ? " disabled" : ""}>×</button></td></tr>`,
    ).join("");
    document.getElementById("add-pool").disabled = pools.length >= MOST_POOLS;
  }

  // The table as it stands.
  written() {
    return [...this.rows.rows].map((row, i) => {
      const field = (name) => row.querySelector(`[data-name=${name}]`);
      const text = (name) => {
        const { value, defaultValue, dataset } = field(name);
        return value === defaultValue ? dataset.exact : value;
      };
      return {
        name: text("name").replace(/[~|]/g, " ").trim() || `pool ${i + 1}`,
        size: amount(text("size")), b: Number(text("b")), tau: Number(text("tau")),
      };
    });
  }

  edited(pools = this.written()) {
    const law = { a: Number(this.fields.a.value), d: Number(this.fields.d.value), convention: this.convention.value };
    const trouble = firstTrouble(pools, law);
    this.trouble.textContent = trouble;
    if (trouble) return;
    this.keep({ pools, law });
    this.preset.value = "own";
    this.prepare();
  }

  // Curves and switches, which do not depend on the compute that is looked at.
  prepare() {
    const { pools, law } = this.model;
    this.unions = unionsOf(pools, law, SEEN[1]);
    this.places = Array.from({ length: CURVE_POINTS + 1 }, (_, i) => SEEN[0] * (SEEN[1] / SEEN[0]) ** (i / CURVE_POINTS));
    this.curves = this.unions.map((union) => this.places.map((seen) => union.error(seen)));
    this.switches = switchPoints(this.unions, ...SEEN);
    this.update();
  }

  update() {
    const seen = this.seen.value, best = bestUnion(this.unions, seen);
    const item = (id, name, value, text) => ({ id, name, value, text });
    say(`Best filter ${best + 1} pools, error ${shortNumber(this.unions[best].error(seen))}`);
    showReadout(this.readout(), [
      item("n_pools", "best filter", best + 1, `best ${best + 1} of ${this.unions.length} pools`),
      item("decay_error", "its error", this.unions[best].error(seen), shortNumber(this.unions[best].error(seen), 4)),
      item("epochs", "epochs over it", seen / this.unions[best].size, shortNumber(seen / this.unions[best].size)),
      ...this.switches.map((point, i) => item(`switch${i + 1}`, `switch ${point.from} → ${point.to} pools at`,
        point.samples, shortNumber(point.samples, 4))),
    ]);
    this.drawUnions(seen, best);
    this.drawRibbon(seen);
  }

  readout() {
    return document.getElementById("decay-readout");
  }

  drawUnions(seen, best) {
    const chart = this.unionChart, all = this.curves.flat();
    const low = Math.min(...all) * 0.96, high = Math.min(Math.max(...all), 20 * low) * 1.03;
    chart.begin(
      { low: SEEN[0], high: SEEN[1], log: true, label: "compute: samples seen" },
      { low, high, log: true, label: "error" },
    );
    const least = this.places.map((place, i) => [place, Math.min(...this.curves.map((c) => c[i]))]);
    chart.line(least, "envelope");
    this.curves.forEach((curve, i) => {
      chart.line(curve.map((error, k) => [this.places[k], error]), `union${i + 1}`, `best ${i + 1}`);
    });
    for (const point of this.switches) {
      chart.rule(point.samples, "border");
      chart.text(chart.x(point.samples) + 4, chart.inner.top + 12, shortNumber(point.samples));
    }
    chart.rule(seen);
    chart.mark(seen, this.unions[best].error(seen), "here");
    const words = this.switches.map((p) => `best ${p.to} from ${shortNumber(p.samples)} on`).join(", ");
    chart.end(
      `Error of unions against samples seen. ${words || "No switch."} At ${shortNumber(seen)}: best ${best + 1}, error ${shortNumber(this.unions[best].error(seen))}.`,
      () => ({
        columns: ["samples_seen", ...this.curves.map((_, i) => `error_best_${i + 1}`), "best_filter"],
        rows: this.places.map((place, k) => [place, ...this.curves.map((c) => c[k]), bestUnion(this.unions, place) + 1]),
      }),
    );
  }

  drawRibbon(seen) {
    const chart = this.ribbon, count = this.unions.length;
    const best = this.places.map((place) => bestUnion(this.unions, place));
    chart.begin(
      { low: SEEN[0], high: SEEN[1], log: true, label: "compute: samples seen" },
      { low: 0, high: count + 0.5, label: "pools kept", name: (v) => (Number.isInteger(v) ? v : "") },
    );
    const first = [SEEN[0], best[0] + 1];
    const steps = [first, ...this.switches.flatMap((p) => [[p.samples, p.from], [p.samples, p.to]]), [SEEN[1], best.at(-1) + 1]];
    chart.line(steps, "union1 chosen");
    for (const point of this.switches) {
      const epochs = point.samples / this.unions[point.from - 1].size;
      chart.text(chart.x(point.samples) - 6, chart.y(point.to) - 4, `after ${shortNumber(epochs)} epochs`, "end");
    }
    chart.rule(seen);
    chart.end(
      `Pools kept by the best filter: ${steps.map(([x, y]) => `${y} at ${shortNumber(x)}`).join(", ")}.`,
      () => ({
        columns: ["samples_seen", "from_pools", "to_pools", "error"],
        rows: this.switches.map((p) => [p.samples, p.from, p.to, p.error]),
      }),
    );
  }
}

// What is wrong with pools or law, in words; "" if nothing is.
function firstTrouble(pools, law) {
  const outside = (value, [low, high]) => !(value >= low && value <= high);
  for (const name of Object.keys(LAW)) {
    if (outside(law[name], LAW[name])) return LAW[name][2];
  }
  if (!CONVENTIONS.includes(law.convention)) return "convention is not known";
  if (!pools.length || pools.length > MOST_POOLS) return `1 to ${MOST_POOLS} pools`;
  for (const [i, pool] of pools.entries()) {
    for (const name of Object.keys(FIELDS)) {
      if (outside(pool[name], FIELDS[name])) return `Pool ${i + 1}: ${FIELDS[name][2]}`;
    }
  }
  return "";
}
