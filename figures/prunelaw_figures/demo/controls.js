// A slider and a number field for one value, kept in the view.

// Number field and slider, `id` and `id`-slider.  Positions run evenly in log, or evenly.
export class Control {
  constructor(id, view, { range, log, digits, read = Number, write = String, changed }) {
    this.field = document.getElementById(id);
    this.slider = document.getElementById(`${id}-slider`);
    Object.assign(this, { id, view, range, log, digits, read, write, changed });
    this.slider.addEventListener("input", () => this.choose(this.fromSlider()));
    this.field.addEventListener("change", () => this.fromField());
    this.show();
  }

  get value() {
    return this.view.number(this.id, this.range);
  }

  // Keeps a value, shows it and tells that it changed; `exact` leaves its digits as they are.
  choose(value, exact = false) {
    this.keep(value, exact);
    this.changed(this.id);
  }

  // Keeps a value and shows it.
  keep(value, exact = false) {
    const [low, high] = this.range;
    const inside = Math.min(Math.max(value, low), high);
    this.view.set(this.id, exact ? inside : Number(inside.toPrecision(this.digits)));
    this.show();
  }

  // The value so many steps of the slider away.
  after(steps) {
    return this.at(this.position() + steps);
  }

  fromSlider() {
    return this.at(Number(this.slider.value));
  }

  fromField() {
    const value = this.read(this.field.value);
    const good = Number.isFinite(value) && value >= this.range[0] && value <= this.range[1];
    this.field.setAttribute("aria-invalid", String(!good));
    if (good) this.choose(value, true);
  }

  at(position) {
    const [low, high] = this.range, part = position / Number(this.slider.max);
    return this.log ? low * (high / low) ** part : low + (high - low) * part;
  }

  position() {
    const [low, high] = this.range, { value } = this;
    const part = this.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return part * Number(this.slider.max);
  }

  show() {
    this.slider.value = Math.round(this.position());
    this.field.value = this.write(this.value);
    this.field.setAttribute("aria-invalid", "false");
    this.slider.setAttribute("aria-valuetext", this.field.value);
  }
}

// Fills a <dl> with {name, value, text}; `data-value` holds every digit.
export function showReadout(list, items) {
  list.innerHTML = items.map(({ id, name, value, text }) =>
    `<div><dt>${name}</dt><dd data-id="${id}" data-value="${value}">${text}</dd></div>`).join("");
}

// Tells a screen reader, once the sliders rest.
let waiting;
export function say(words) {
  clearTimeout(waiting);
  waiting = setTimeout(() => { document.getElementById("said").textContent = words; }, 600);
}
