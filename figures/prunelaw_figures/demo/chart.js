// Charts as SVG: scales, axes, lines, legends; and how a figure is saved as SVG or CSV.

const MARGIN = { left: 52, right: 14, top: 12, bottom: 44 };

// Position of a value on a linear or logarithmic axis, between `from` and `to` pixels.
export function scale({ low, high, log }, from, to) {
  const at = log ? Math.log : (value) => value;
  const start = at(low), slope = (to - from) / (at(high) - start);
  const position = (value) => from + slope * (at(value) - start);
  position.invert = (pixel) => {
    const value = start + (pixel - from) / slope;
    return log ? Math.exp(value) : value;
  };
  return position;
}

// Ticks of an axis: values with labels; on a log axis 1, 2, 5 if it is short, powers of ten if long.
export function ticks({ low, high, log }, most = 7) {
  const edge = 1e-9;
  if (!log) {
    const step = niceStep((high - low) / most);
    const first = Math.ceil(low / step - edge);
    const count = Math.floor(high / step + edge) - first + 1;
    return Array.from({ length: count }, (_, i) => (first + i) * step);
  }
  const decades = Math.log10(high / low);
  const every = Math.max(1, Math.round(decades / most));
  const digits = decades < 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) {
    if (k % every) continue;
    for (const digit of digits) found.push(digit * 10 ** k);
  }
  const inside = found.filter((v) => v >= low * (1 - edge) && v <= high * (1 + edge));
  return inside.length > 1 || decades > 2 ? inside : ticks({ low, high, log: false }, most);
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough)), digit = rough / power;
  return power * (digit < 1.5 ? 1 : digit < 3 ? 2 : digit < 7 ? 5 : 10);
}

// A number as a person reads it: 3 significant digits, 12.8M and 1.1B for counts.
export function shortNumber(value, digits = 3) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "–";
  if (size >= 1e9) return `${plain(value / 1e9, digits)}B`;
  if (size >= 1e6) return `${plain(value / 1e6, digits)}M`;
  if (size !== 0 && size < 1e-3) return scientific(value, digits);
  return plain(value, digits);
}

const plain = (value, digits) => String(Number(value.toPrecision(digits)));

function scientific(value, digits) {
  const power = Math.floor(Math.log10(Math.abs(value)));
  const lead = plain(value / 10 ** power, digits);
  const raised = String(power).replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
  return lead === "1" ? `10${raised}` : `${lead}·10${raised}`;
}

// Text for SVG; _tot and _prune become indices.
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;")
  .replace(/_(tot|prune)/g, '<tspan dy="3" font-size="9">$1</tspan>');

// One figure on the page: a frame, drawn afresh whenever its data change.
export class Chart {
  // figure: its element, with an <svg>; ratio: height over width; corner: of the legend.
  constructor(figure, ratio = 0.62, corner = "lower left") {
    this.figure = figure;
    this.corner = corner;
    this.svg = figure.querySelector("svg");
    this.ratio = ratio;
    this.parts = [];
    this.measure();
    for (const button of figure.querySelectorAll("button[data-save]")) {
      button.addEventListener("click", () => this.save(button.dataset.save));
    }
  }

  measure() {
    this.width = Math.max(this.figure.clientWidth, 260);
    this.height = Math.round(this.width * this.ratio);
    this.inner = {
      left: MARGIN.left, right: this.width - MARGIN.right,
      top: MARGIN.top, bottom: this.height - MARGIN.bottom,
    };
  }

  // Starts a drawing with axes {low, high, log, label}; further parts are laid over or under them.
  begin(x, y) {
    const { left, right, top, bottom } = this.inner;
    this.x = scale(x, left, right);
    this.y = scale(y, bottom, top);
    this.axes = { x, y };
    this.parts = [];
    this.legends = [];
  }

  // A line through [x, y] points; NaN breaks it, and what leaves the frame is cut off.
  line(points, style, name) {
    let path = "", pen = "M";
    for (const [x, y] of points) {
      if (!Number.isFinite(y) || (this.axes.y.log && y <= 0)) { pen = "M"; continue; }
      path += `${pen}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`;
      pen = "L";
    }
    this.parts.push(`<path class="line ${style}" d="${path}" clip-path="url(#${this.clip()})"/>`);
    if (name) this.legends.push([style, name]);
  }

  clip() {
    return `clip-${this.figure.id}`;
  }

  // Any path in pixels.
  path(d, style) {
    this.parts.push(`<path class="${style}" d="${d}" clip-path="url(#${this.clip()})"/>`);
  }

  // A ring around a point, with words beside it.
  mark(x, y, style, words = "") {
    const px = this.x(x), py = this.y(y), right = px > 0.6 * this.width;
    this.parts.push(`<circle class="mark ${style}" cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="5"/>`);
    if (words) this.text(px + (right ? -9 : 9), py - 8, words, right ? "end" : "start");
  }

  text(px, py, words, anchor = "start", style = "note") {
    this.parts.push(`<text class="${style}" x="${px.toFixed(1)}" y="${py.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`);
  }

  // A thin vertical line at x.
  rule(x, style = "cursor") {
    const px = this.x(x).toFixed(1), { top, bottom } = this.inner;
    this.parts.push(`<path class="${style}" d="M${px} ${top}V${bottom}"/>`);
  }

  // Writes the drawing; `words` is what a screen reader says of it; table() gives its data
  // as {columns, rows}, when they are saved.
  end(words, table) {
    this.table = table;
    const { svg, width, height } = this;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", words);
    svg.innerHTML = this.frame() + this.parts.join("") + this.legend();
  }

  frame() {
    const { left, right, top, bottom } = this.inner, { x, y } = this.axes;
    let marks = "", labels = "";
    for (const value of ticks(x, this.width < 380 ? 5 : 8)) {
      const px = this.x(value).toFixed(1);
      marks += `M${px} ${top}V${bottom}`;
      labels += `<text x="${px}" y="${bottom + 15}" text-anchor="middle">${(x.name ?? shortNumber)(value)}</text>`;
    }
    for (const value of ticks(y, 6)) {
      const py = this.y(value);
      marks += `M${left} ${py.toFixed(1)}H${right}`;
      labels += `<text x="${left - 6}" y="${(py + 4).toFixed(1)}" text-anchor="end">${(y.name ?? shortNumber)(value)}</text>`;
    }
    const middle = 0.5 * (top + bottom);
    return `<clipPath id="${this.clip()}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>` +
      `<path class="grid" d="${marks}"/><path class="axis" d="M${left} ${top}V${bottom}H${right}"/>` +
      `<g class="ticks">${labels}</g><g class="names">` +
      `<text x="${0.5 * (left + right)}" y="${this.height - 8}" text-anchor="middle">${escaped(x.label)}</text>` +
      `<text transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text></g>`;
  }

  // Lower left, where falling curves leave room, or upper right.
  legend() {
    const { left, right, top, bottom } = this.inner, high = this.corner === "upper right";
    const x = high ? right - 165 : left + 8;
    return this.legends.map(([style, name], row) => {
      const y = high ? top + 14 + 16 * row : bottom - 10 - 16 * (this.legends.length - 1 - row);
      return `<path class="line ${style}" d="M${x} ${y - 4}h24"/>` +
        `<text class="note" x="${x + 30}" y="${y}">${escaped(name)}</text>`;
    }).join("");
  }

  save(kind) {
    const name = `prunelaw-${this.figure.id}.${kind}`;
    if (kind === "csv") download(name, "text/csv", csv(this.table()));
    else download(name, "image/svg+xml", standalone(this.svg, this.width, this.height));
  }
}

export function csv({ columns, rows }) {
  const cell = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : value);
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "fill-opacity",
  "font-size", "font-family", "font-weight", "paint-order"];

// The figure as a file of its own: the page's style is written into each element.
function standalone(svg, width, height) {
  const copy = svg.cloneNode(true), from = svg.querySelectorAll("*"), to = copy.querySelectorAll("*");
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const name of KEPT) to[i].setAttribute(name, style.getPropertyValue(name));
    to[i].removeAttribute("class");
  });
  copy.removeAttribute("class");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = getComputedStyle(document.body).backgroundColor;
  const rect = `<rect width="${width}" height="${height}" fill="${paper}"/>`;
  copy.innerHTML = rect + copy.innerHTML;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
