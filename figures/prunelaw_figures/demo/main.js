// Starts the page: reads the tables, builds the three tabs, and keeps theme and address.

import { CLASS_DEFAULTS, ClassTab } from "./class_tab.js";
import { inflated } from "./cells.js";
import { shortNumber } from "./chart.js";
import { DECAY_DEFAULTS, DecayTab } from "./decay_tab.js";
import { Perceptron } from "./perceptron.js";
import { NAMES, PRUNING_DEFAULTS, PruningTab } from "./pruning_tab.js";
import { View } from "./view.js";

const TABS = ["pruning", "decay", "class"];
const element = (id) => document.getElementById(id);

class Page {
  constructor(perceptron, info) {
    const defaults = { tab: "pruning", ...PRUNING_DEFAULTS, ...DECAY_DEFAULTS, ...CLASS_DEFAULTS };
    this.view = new View(defaults, () => this.show());
    addSaveButtons();
    this.tabs = {
      pruning: new PruningTab(perceptron, this.view),
      decay: new DecayTab(this.view),
      class: new ClassTab(perceptron, this.view, (values) => this.go(values)),
    };
    showAccuracy(info);
    this.listen();
    this.show();
  }

  get tab() {
    return TABS.includes(this.view.get("tab")) ? this.view.get("tab") : "pruning";
  }

  listen() {
    TABS.forEach((name, i) => {
      const button = element(`tab-${name}`);
      button.addEventListener("click", () => this.go({ tab: name }));
      button.addEventListener("keydown", ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (!step) return;
        this.go({ tab: TABS[(i + step + TABS.length) % TABS.length] });
        element(`tab-${this.tab}`).focus();
      });
    });
    element("theme").addEventListener("click", () => {
      setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    });
    element("copy").addEventListener("click", () => this.copyLink());
    let wait;
    addEventListener("resize", () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.tabs[this.tab].redraw(), 100);
    });
    for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
  }

  // Sets values of the view and shows it.
  go(values) {
    for (const [name, value] of Object.entries(values)) this.view.set(name, value);
    this.show();
  }

  show() {
    for (const name of TABS) {
      const here = name === this.tab, button = element(`tab-${name}`);
      button.setAttribute("aria-selected", String(here));
      button.tabIndex = here ? 0 : -1;
      element(name).hidden = !here;
    }
    this.tabs[this.tab].redraw();
  }

  async copyLink() {
    this.view.write();
    try {
      await navigator.clipboard.writeText(location.href);
      element("copied").textContent = "Copied.";
    } catch {
      element("copied").textContent = "Copy it from the address bar.";
    }
  }
}

function addSaveButtons() {
  for (const figure of document.querySelectorAll("figure")) {
    const name = figure.querySelector("h2").textContent;
    const button = (kind, what) =>
      `<button type="button" data-save="${kind}" aria-label="Save ${what} of “${name}”">${kind.toUpperCase()}</button>`;
    figure.insertAdjacentHTML("beforeend", `<div class="save">${button("csv", "the data")}${button("svg", "the picture")}</div>`);
  }
}

function showAccuracy({ measured }) {
  const head = ["rule", "places", "half", "99 %", "99.9 %", "largest"];
  const keys = ["q50", "q99", "q999", "largest"];
  const rows = Object.entries(measured).map(([rule, values]) =>
    `<tr><td>${NAMES[rule]}</td><td>${values.points}</td>${keys.map((key) => `<td>${shortNumber(values[key], 2)}</td>`).join("")}</tr>`);
  element("accuracy").innerHTML =
    `<thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody>`;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

async function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  try {
    const info = JSON.parse(element("table-info").textContent);
    const whole = await inflated(element("table-data").textContent.trim());
    new Page(new Perceptron(info, whole), info);
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    element("trouble").hidden = false;
    element("trouble").textContent = `This page could not start: ${error.message}. A browser of 2023 or later is needed.`;
    throw error;
  }
}

start();
