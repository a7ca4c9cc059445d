// Third tab: a worksheet.  The page works every answer out itself and compares.

import { shortNumber } from "./chart.js";
import { PRESETS, switchPoints, unionsOf } from "./decay.js";
import { amount } from "./decay_tab.js";
import { crossing, RANGE } from "./perceptron.js";

// Tasks: what to find, a view to start from, the answer (of the page's own tables), how far off it
// may be (relative), and what it teaches.
function tasksFor(perceptron) {
  const error = (rule, alpha, f, theta) => perceptron.error(rule, alpha, f, theta);
  return [
    {
      title: "When do hard examples pay?",
      text: "The probe is perfect (θ = 0) and a fifth is kept (f = 0.2). With little data easy examples are better. Above which α_tot are hard ones?",
      view: { tab: "pruning", theta: 0, f: 0.2, alpha: 2, rule: "hard", hold: "total" },
      answer: () => crossing((alpha) => error("hard", alpha, 0.2, 0) - error("easy", alpha, 0.2, 0), 1, 300),
      within: 0.06,
      why: "Hard examples lie on the teacher's border and pin it down, but say nothing about where the border roughly is. One needs enough of them: the smaller f, the later the switch.",
    },
    {
      title: "A sharp change",
      text: "Perfect probe, the hardest 2 % are kept (f = 0.02). At which number of kept examples per dimension, α_prune = f α_tot, does the error fall through 0.25?",
      view: { tab: "pruning", theta: 0, f: 0.02, alpha: 50, rule: "hard", hold: "total" },
      answer: () => 0.02 * crossing((alpha) => error("hard", alpha, 0.02, 0) - 0.25, 10, 900),
      within: 0.05,
      why: "α_prune = 2 is the perceptron's capacity: up to 2N labels on the border can be satisfied by directions that have nothing to do with the teacher.",
    },
    {
      title: "A bad probe sets a limit",
      text: "The probe is 0.3 rad off and α_tot = 100. The smaller f, the more keep-hard trusts the probe. Below which f is it worse than keeping at random?",
      view: { tab: "pruning", theta: 0.3, f: 0.5, alpha: 100, rule: "hard", hold: "total" },
      answer: () => crossing((f) => error("hard", 100, f, 0.3) - error("random", 100, f, 0.3), 0.02, 0.6),
      within: 0.08,
      why: "Within an angle θ of the border the probe cannot tell hard from easy, and what it keeps there is one-sided: a fraction far below θ only harms.",
    },
    {
      title: "How much to collect",
      text: "You train on α_prune = 8 examples per dimension and may collect as many as you like to choose them from. The probe is 0.35 rad (20°) off. Which fraction f of what was collected should keep-hard keep?",
      view: { tab: "pruning", theta: 0.35, f: 1, alpha: 8, rule: "hard", hold: "kept" },
      answer: () => perceptron.bestFraction("hard", (f) => 8 / f, 0.35).f,
      within: 0.15,
      why: "Choosing from more helps only as far as the probe can rank: the best f is about as large as θ, and a perfect probe would want f as small as it gets.",
    },
    {
      title: "The law of random data",
      text: "Keep at random. For much data ε falls like C/α_prune. What is C? (Try α_prune of some hundreds.)",
      view: { tab: "pruning", theta: 0.2, f: 1, alpha: 300, rule: "random", hold: "total" },
      answer: () => 1000 * error("random", RANGE.alpha[1], 1, 0),
      within: 0.02,
      why: "C = 0.5005 for max-margin students, for every probe. A perfect probe changes what α counts: keep-hard gets 0.5005/α_tot, as if nothing had been thrown away.",
    },
    {
      title: "Data filtering depends on compute",
      text: "Published pools (utility, official code). Up to how many samples seen is the best 10 % alone the best filter?",
      view: { tab: "decay", preset: "utility", seen: 32e6 },
      answer: () => {
        const { pools, ...law } = PRESETS.utility;
        return switchPoints(unionsOf(pools, law, 1e10), 5e6, 1e10)[0].samples;
      },
      within: 0.1,
      why: "After some eight passes the best pool is worn out, and fresh samples of a weaker one are worth more. A filter that is best for little compute is too strict for much.",
    },
  ];
}

export const CLASS_DEFAULTS = Object.fromEntries([1, 2, 3, 4, 5, 6].flatMap((i) => [[`guess${i}`, ""], [`found${i}`, ""]]));

export class ClassTab {
  constructor(perceptron, view, go) {
    Object.assign(this, { view, go });
    this.tasks = tasksFor(perceptron);
    this.list = document.getElementById("tasks");
    this.list.innerHTML = this.tasks.map((task, i) => taskText(task, i + 1)).join("");
    this.list.addEventListener("click", (event) => this.clicked(event.target));
    this.list.addEventListener("input", ({ target }) => view.set(target.name, target.value));
    this.list.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.name?.startsWith("found")) this.check(Number(event.target.dataset.task));
    });
    document.getElementById("print").addEventListener("click", () => print());
    document.getElementById("restart").addEventListener("click", () => {
      for (const name of Object.keys(CLASS_DEFAULTS)) view.set(name, "");
      this.redraw();
    });
  }

  redraw() {
    for (const input of this.list.querySelectorAll("input")) input.value = this.view.get(input.name);
    this.tasks.forEach((_, i) => this.judge(i + 1));
    this.score();
  }

  clicked(target) {
    const number = Number(target.dataset.task);
    if (target.dataset.do === "check") this.check(number);
    if (target.dataset.do === "go") this.go(this.tasks[number - 1].view);
  }

  check(number) {
    this.judge(number);
    this.score();
  }

  // Compares what was found with the page's own answer, and only then explains.
  judge(number) {
    const task = this.tasks[number - 1], verdict = document.getElementById(`verdict${number}`);
    const found = amount(this.view.get(`found${number}`));
    const guess = amount(this.view.get(`guess${number}`));
    const why = document.getElementById(`why${number}`);
    task.right = false;
    why.hidden = true;
    verdict.className = "verdict";
    verdict.textContent = this.view.get(`found${number}`) === "" ? "" : "Enter a number, like 0.25 or 12M.";
    if (!Number.isFinite(found)) return;
    task.truth ??= task.answer();
    task.right = Math.abs(found / task.truth - 1) <= task.within;
    verdict.className = `verdict ${task.right ? "right" : "wrong"}`;
    verdict.textContent = task.right ? `Right: ${shortNumber(task.truth)}.` : `Not yet: too ${found > task.truth ? "high" : "low"}.`;
    why.hidden = !task.right;
    const off = guess > 0 ? ` Your prediction was ${guess > task.truth ? "high" : "low"} by a factor of ${shortNumber(Math.max(guess / task.truth, task.truth / guess))}.` : "";
    why.innerHTML = task.why.replace(/_(tot|prune)/g, "<sub>$1</sub>") + off;
  }

  score() {
    const right = this.tasks.filter((task) => task.right).length;
    document.getElementById("score").textContent = `${right} of ${this.tasks.length} found.`;
  }
}

function taskText({ title, text, within }, i) {
  const field = (kind, words) =>
    `<label>${words} <input name="${kind}${i}" data-task="${i}" inputmode="decimal" autocomplete="off"></label>`;
  return `<li><h2>${title}</h2><p>${text.replace(/_(tot|prune)/g, "<sub>$1</sub>")}</p><div class="answer">${field("guess", "I predict")}` +
    `<button type="button" data-do="go" data-task="${i}">Show me the sliders</button>` +
    `${field("found", "I found")}<button type="button" data-do="check" data-task="${i}">Check</button>` +
    `<span>(within ${Math.round(100 * within)} %)</span></div>` +
    `<p class="verdict" id="verdict${i}" role="status"></p><p id="why${i}" hidden></p></li>`;
}
