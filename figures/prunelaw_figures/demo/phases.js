// The phase diagram over α_tot and f at one θ, with a point that can be dragged or moved by keys.

import { Chart, shortNumber } from "./chart.js";
import { RANGE } from "./perceptron.js";

const COLUMNS = 64, ROWS = 40;
const STEPS = 10;   // of the sliders, by an arrow key; with shift one

export class PhaseMap extends Chart {
  // moved(alpha, f) is told where the point was taken.
  constructor(figure, perceptron, controls, moved) {
    super(figure, 0.62);
    Object.assign(this, { perceptron, controls, moved });
    this.handle = figure.querySelector(".handle");
    this.handle.addEventListener("keydown", (event) => this.key(event));
    for (const element of [this.handle, this.svg]) {
      element.addEventListener("pointerdown", (event) => this.drag(event));
    }
  }

  draw({ alpha, f, theta }, fresh) {
    if (fresh || !this.best) {
      this.best = this.fill(theta);
      this.shapes = this.areas();
      this.labels = this.names();
    }
    this.begin(
      { low: RANGE.alpha[0], high: RANGE.alpha[1], log: true, label: "examples per dimension α_tot" },
      { low: RANGE.f[0], high: 1, log: true, label: "fraction kept f" },
    );
    for (const [rule, d] of Object.entries(this.shapes)) this.path(d, `area-${rule}`);
    for (const { x, y, rule } of this.labels) this.text(x, y, rule, "middle");
    this.rule(alpha);
    this.mark(alpha, f, "here");
    const rule = this.perceptron.bestRule(alpha, f, theta);
    this.end(
      `Phase diagram at theta ${shortNumber(theta)}: at alpha_tot ${shortNumber(alpha)} and f ${shortNumber(f)} the best rule is ${rule}.`,
      () => ({ columns: ["alpha_tot", "f", "best_rule"], rows: this.best.map((b) => [b.alpha, b.f, b.rule]) }),
    );
    this.handle.style.left = `${this.x(alpha)}px`;
    this.handle.style.top = `${this.y(f)}px`;
    this.handle.setAttribute("aria-valuenow", alpha);
    this.handle.setAttribute("aria-valuemin", RANGE.alpha[0]);
    this.handle.setAttribute("aria-valuemax", RANGE.alpha[1]);
    this.handle.setAttribute("aria-valuetext", `alpha_tot ${shortNumber(alpha)}, f ${shortNumber(f)}, best rule ${rule}`);
  }

  // The best rule in the middle of every cell, row by row.
  fill(theta) {
    const cells = [];
    for (let row = 0; row < ROWS; row++) {
      const f = RANGE.f[0] ** (1 - (row + 0.5) / ROWS);
      for (let column = 0; column < COLUMNS; column++) {
        const alpha = RANGE.alpha[0] * (RANGE.alpha[1] / RANGE.alpha[0]) ** ((column + 0.5) / COLUMNS);
        cells.push({ alpha, f, rule: this.perceptron.bestRule(alpha, f, theta) });
      }
    }
    return cells;
  }

  // One path for each rule: its runs of cells, row by row.
  areas() {
    const { left, right, top, bottom } = this.inner;
    const width = (right - left) / COLUMNS, height = (bottom - top) / ROWS, paths = {};
    for (let row = 0; row < ROWS; row++) {
      for (let column = 0, end; column < COLUMNS; column = end) {
        const { rule } = this.best[row * COLUMNS + column];
        end = column + 1;
        while (end < COLUMNS && this.best[row * COLUMNS + end].rule === rule) end++;
        const x = (left + column * width).toFixed(1), y = (bottom - (row + 1) * height).toFixed(1);
        paths[rule] = `${paths[rule] ?? ""}M${x} ${y}h${((end - column) * width).toFixed(1)}v${(height + 0.3).toFixed(1)}H${x}z`;
      }
    }
    return paths;
  }

  // Where each rule's name goes: the middle of its widest run of cells.
  names() {
    const { left, right, top, bottom } = this.inner, widest = {};
    for (let row = 2; row < ROWS - 2; row++) {
      for (let column = 0, end; column < COLUMNS; column = end) {
        const { rule } = this.best[row * COLUMNS + column];
        end = column + 1;
        while (end < COLUMNS && this.best[row * COLUMNS + end].rule === rule) end++;
        const off = Math.abs(row - ROWS / 2) / ROWS, size = end - column - 8 * off;
        if (end - column > 5 && !(widest[rule]?.size >= size)) {
          widest[rule] = { size, column: 0.5 * (column + end), row };
        }
      }
    }
    return Object.entries(widest).map(([rule, { column, row }]) => ({
      rule, x: left + (right - left) * column / COLUMNS, y: bottom - (bottom - top) * row / ROWS,
    }));
  }

  key(event) {
    const steps = event.shiftKey ? 1 : STEPS;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const { alpha, f } = this.controls;
    this.moved(alpha.after(move[0] * steps), f.after(move[1] * steps));
  }

  drag(event) {
    const go = ({ clientX, clientY }) => {
      const box = this.svg.getBoundingClientRect(), factor = this.width / box.width;
      this.moved(this.x.invert((clientX - box.left) * factor), this.y.invert((clientY - box.top) * factor));
    };
    const stop = () => {
      removeEventListener("pointermove", go);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
    };
    event.preventDefault();
    this.handle.focus();
    go(event);
    addEventListener("pointermove", go);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  }
}
