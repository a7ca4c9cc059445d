// What is shown, as text after # in the address: every change is kept there, so a view can be sent.

export class View {
  // defaults: name to text; `changed` is called when somebody else changes the address.
  constructor(defaults, changed) {
    this.defaults = defaults;
    this.values = { ...defaults, ...read() };
    addEventListener("hashchange", () => {
      if (location.hash === this.written) return;
      this.values = { ...defaults, ...read() };
      changed();
    });
  }

  get(name) {
    return this.values[name];
  }

  // The number under a name, held inside [low, high]; the default if it is none.
  number(name, [low, high]) {
    const value = Number(this.values[name]);
    return Number.isFinite(value) && this.values[name] !== ""
      ? Math.min(Math.max(value, low), high) : Number(this.defaults[name]);
  }

  set(name, value) {
    this.values[name] = String(value);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 150);
  }

  write() {
    const changed = Object.entries(this.values).filter(([name, value]) => value !== this.defaults[name]);
    this.written = changed.length ? `#${new URLSearchParams(changed)}` : "#";
    history.replaceState(null, "", this.written);
    this.written = location.hash;
  }
}

const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
