// First tab: sliders for α_tot, f, θ and the rule, five figures, and the numbers.

import { Chart, shortNumber } from "./chart.js";
import { Control, say, showReadout } from "./controls.js";
import { Plane } from "./plane.js";
import { keptDensity, newDensity, supportShare } from "./margins.js";
import { RANGE, RULES } from "./perceptron.js";
import { PhaseMap } from "./phases.js";

const POINTS = 120;
const CURVES = [...RULES, "band"];
const COLUMN_NAMES = CURVES.map((name) => `error_${name}`);
export const NAMES = { hard: "hard", easy: "easy", random: "random", band: "best band" };
export const PRUNING_DEFAULTS = { alpha: "8", f: "0.3", theta: "0.2", rule: "hard", hold: "total" };

export class PruningTab {
  constructor(perceptron, view) {
    Object.assign(this, { perceptron, view });
    const changed = (id) => this.changed(id);
    const log = { log: true, digits: 4, changed };
    this.controls = {
      alpha: new Control("alpha", view, { range: RANGE.alpha, ...log }),
      f: new Control("f", view, { range: RANGE.f, ...log }),
      theta: new Control("theta", view, { range: RANGE.theta, log: false, digits: 4, changed }),
    };
    for (const radio of document.querySelectorAll("input[name=rule], input[name=hold]")) {
      radio.addEventListener("change", () => { view.set(radio.name, radio.value); this.changed(radio.name); });
    }
    const figure = (id) => document.getElementById(id);
    this.overF = new Chart(figure("error-f"));
    this.overAlpha = new Chart(figure("error-alpha"));
    this.margins = new Chart(figure("margins"), 0.8, "upper right");
    this.phases = new PhaseMap(figure("phases"), perceptron, this.controls, (alpha, f) => {
      this.controls.alpha.keep(alpha);
      this.controls.f.keep(f);
      this.changed("point");
    });
    this.plane = new Plane(figure("plane"));
    this.readout = document.getElementById("pruning-readout");
  }

  // After the frames have changed their size, or another view has come.
  redraw() {
    for (const chart of [this.overF, this.overAlpha, this.margins, this.phases, this.plane]) chart.measure();
    for (const control of Object.values(this.controls)) control.show();
    this.changed("all");
  }

  get point() {
    const { alpha, f, theta } = this.controls, rule = this.view.get("rule");
    return {
      alpha: alpha.value, f: f.value, theta: theta.value,
      rule: RULES.includes(rule) ? rule : "hard",
      hold: this.view.get("hold") === "kept" ? "kept" : "total",
    };
  }

  // α_tot follows f while α_prune is held; whatever else moves sets what is held.
  changed(what) {
    const { alpha, f } = this.controls;
    if (what === "f" && this.point.hold === "kept") alpha.keep(this.load / f.value, true);
    else this.load = alpha.value * f.value;
    this.update(what === "theta" || what === "all");
  }

  update(everything) {
    const point = this.point, { rule, alpha, f, theta, hold } = point;
    document.querySelector(`input[name=rule][value=${rule}]`).checked = true;
    document.querySelector(`input[name=hold][value=${hold}]`).checked = true;
    const load = alpha * f, kept = hold === "kept";
    const along = kept ? (x) => load / x : () => alpha;
    const ends = kept ? RANGE.f.map((x) => clamp(x, load / RANGE.alpha[1], load / RANGE.alpha[0])) : RANGE.f;
    const state = this.perceptron.state(rule, alpha, f, theta);
    const best = this.perceptron.bestFraction(rule, along, theta, ends);
    const support = supportShare(rule, f, theta, state);
    this.showNumbers(point, state, best, support);
    this.drawOverF(point, state, best, along, ends);
    this.drawOverAlpha(point, state);
    this.phases.draw(point, everything);
    this.plane.draw(point, state);
    this.drawMargins(point, state, support);
  }

  showNumbers({ alpha, f, theta }, { error, kappa, R, rho }, best, support) {
    const number = (id, name, value) => ({ id, name, value, text: shortNumber(value, 4) });
    const rule = this.perceptron.bestRule(alpha, f, theta);
    say(`Test error ${shortNumber(error)}, best rule here ${NAMES[rule]}`);
    showReadout(this.readout, [
      number("error", "test error ε", error),
      number("alpha_prune", "α<sub>prune</sub> = f α<sub>tot</sub>", alpha * f),
      number("kappa", "margin κ", kappa),
      number("R", "teacher overlap R", R),
      number("rho", "probe overlap ρ", rho),
      number("support", "on the margin", support),
      number("best_f", "best f of this rule", best.f),
      number("best_error", "least error", best.error),
      { id: "best_rule", name: "best rule here", value: rule, text: NAMES[rule] },
    ]);
  }

  drawOverF({ alpha, f, theta, rule, hold }, state, best, along, ends) {
    const places = sequence(ends);
    const curve = (x, name) => this.perceptron.error(name, along(x), x, theta);
    const table = this.curves(this.overF, places, curve, { low: 0.02, high: 1, log: true, label: "fraction kept f" }, rule);
    const chart = this.overF;
    chart.rule(f);
    chart.mark(f, state.error, "here");
    const [x, y] = [chart.x(best.f), chart.y(best.error)];
    chart.path(`M${x - 6} ${y}l6 -6l6 6l-6 6z`, "best");
    chart.end(
      `Test error against the fraction kept at ${hold === "kept" ? "alpha_prune" : "alpha_tot"} ${shortNumber(hold === "kept" ? alpha * f : alpha)}. Rule ${rule}: ` +
      `${shortNumber(state.error)} at f ${shortNumber(f)}; least error ${shortNumber(best.error)} at f ${shortNumber(best.f)}.`,
      () => ({ columns: ["f", "alpha_tot", ...COLUMN_NAMES], rows: table().map(([x, ...rest]) => [x, along(x), ...rest]) }),
    );
  }

  drawOverAlpha({ alpha, f, theta, rule }, state) {
    const places = sequence(RANGE.alpha);
    const curve = (x, name) => this.perceptron.error(name, x, f, theta);
    const table = this.curves(this.overAlpha, places, curve,
      { low: 0.1, high: 1000, log: true, label: "examples per dimension α_tot" }, rule);
    this.overAlpha.rule(alpha);
    this.overAlpha.mark(alpha, state.error, "here");
    this.overAlpha.end(
      `Test error against data size at f ${shortNumber(f)}: ${shortNumber(state.error)} at alpha_tot ${shortNumber(alpha)} with rule ${rule}.`,
      () => ({ columns: ["alpha_tot", ...COLUMN_NAMES], rows: table() }),
    );
  }

  // Begins a chart with the errors of all rules over `places`; gives their rows.
  curves(chart, places, curve, x, chosen) {
    const values = CURVES.map((name) => places.map((place) => curve(place, name)));
    const all = values.flat(), low = Math.min(...all);
    chart.begin(x, { low: low * 0.6, high: 0.56, log: true, label: "test error ε" });
    CURVES.forEach((name, i) => {
      const points = places.map((place, k) => [place, values[i][k]]);
      chart.line(points, name === chosen ? `${name} chosen` : name, NAMES[name]);
    });
    return () => places.map((place, k) => [place, ...values.map((v) => v[k])]);
  }

  drawMargins({ f, theta, rule }, state, support) {
    const width = Math.max(1.3 * state.kappa, 2.2), rows = [];
    for (let i = 0; i <= 160; i++) {
      const m = -0.7 * width + (2.3 * width * i) / 160;
      const before = keptDensity(m, rule, f, theta, state);
      rows.push([m, newDensity(m, state.R), before, m < state.kappa ? 0 : before]);
    }
    const chart = this.margins, top = Math.max(1, ...rows.map((row) => Math.max(row[1], row[2])));
    chart.begin(
      { low: rows[0][0], high: rows[160][0], label: "margin y J·x" },
      { low: 0, high: 1.2 * top, label: "density; share in the peak" },
    );
    const last = rows.filter((row) => row[0] > state.kappa).map((row) => [row[0], row[2]]);
    last.unshift([state.kappa, keptDensity(state.kappa, rule, f, theta, state)]);
    const outline = last.map(([m, p]) => `${chart.x(m).toFixed(1)} ${chart.y(p).toFixed(1)}`).join("L");
    const base = chart.y(0), k = chart.x(state.kappa);
    chart.path(`M${k} ${base}L${outline}V${base}z`, "density");
    chart.path(`M${k - 4} ${base}V${chart.y(support)}h8V${base}z`, "peak");
    chart.line(rows.map((row) => [row[0], row[2]]), "hard", "kept, before training");
    chart.line(rows.map((row) => [row[0], row[1]]), "random", "new examples");
    chart.rule(0, "border");
    const left = k > 0.6 * chart.width;
    chart.text(k + (left ? -8 : 8), chart.y(Math.min(support, 0.8 * top)) + 2,
      `${shortNumber(100 * support)} % at κ = ${shortNumber(state.kappa)}`, left ? "end" : "start");
    chart.end(
      `Margins: after training ${shortNumber(100 * support)} percent of the kept examples lie at kappa ${shortNumber(state.kappa)}, the others above.`,
      () => ({ columns: ["margin", "density_new", "density_kept_before", "density_kept_after_above_kappa"], rows }),
    );
  }
}

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

function sequence([low, high]) {
  return Array.from({ length: POINTS + 1 }, (_, i) => low * (high / low) ** (i / POINTS));
}
