"use strict";
// Filters and sorts the leaderboard, copies commands, switches between dark and light. The first table
// was written by xtask/src/page/leaderboard.rs; rows are written the same way here.
const data = JSON.parse(document.getElementById("data").textContent);
const FILTERS = ["dataset", "split", "pool", "embedder", "subset"];
const selects = FILTERS.map((name) => document.getElementById(`filter-${name}`));
const preferred = selects.map((select) => select.value);
const board = document.getElementById("board");
const head = [...board.tHead.rows[0].cells];
const body = board.tBodies[0];
const regenerate = document.getElementById("regenerate");
const chosen = document.getElementById("chosen");
const everyNumber = chosen.textContent;
let sorted = { column: 1, descending: true };

// As Rust rounds: halves to the even digit.
const numbers = (digits, signDisplay) => {
  const rounded = { minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven" };
  return new Intl.NumberFormat("en-GB", { ...rounded, signDisplay, useGrouping: false });
};
const plain = numbers(3, "auto");
const signed = numbers(3, "always");
const percent = numbers(1, "auto");

const element = (tag, attributes = {}, ...content) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
};

// Filters

const labels = () => selects.map((select) => select.value);
const table = () => data.tables.find(([labelled]) => labelled.every((label, place) => label === selects[place].value))[1];
const command = () => `cargo xtask reproduce --experiments main --datasets ${selects[0].value}`;

// Each list offers what there is after the choices before it, and keeps its own choice if it can.
function offer() {
  let tables = data.tables;
  selects.forEach((select, place) => {
    const offered = [...new Set(tables.map(([labelled]) => labelled[place]))];
    if (place === 4) offered.sort((a, b) => (b === "all") - (a === "all"));
    const kept = [select.value, preferred[place], offered[0]].find((label) => offered.includes(label));
    select.replaceChildren(...offered.map((label) => {
      const marked = place === 0 && data.reconstructed.includes(label);
      return element("option", { value: label }, marked ? `${label} †` : label);
    }));
    select.value = kept;
    tables = tables.filter(([labelled]) => labelled[place] === kept);
  });
}

// Rows

const label = (line) => data.routers[line.router][0];

const scale = (intervals, origin) => {
  const ends = [...intervals, origin].filter(Boolean).flat();
  const least = Math.min(...ends);
  return { least, most: Math.max(...ends), origin: origin?.[0] ?? least };
};

function mark([value, low, high], { least, most, origin }) {
  const width = most > least ? most - least : 1;
  const at = (number) => `${percent.format(100 * (number - least) / width)}%`;
  const style = `--value:${at(value)};--low:${at(low)};--high:${at(high)};--origin:${at(origin)}`;
  return element("i", { class: "interval", style });
}

function number(interval, format, scale) {
  if (!interval) return element("td", {}, "–");
  const [value, low, high] = interval;
  const link = element("a", { href: "#regenerate", title: command() }, format.format(value));
  const cell = element("td", {}, link);
  if (low !== undefined) cell.append(element("small", {}, `[${format.format(low)}, ${format.format(high)}]`));
  if (scale) cell.append(mark(interval, scale));
  return cell;
}

function row(line, scales, differences) {
  const [name, title] = data.routers[line.router];
  const made = element("tr", { "data-router": name }, element("th", { scope: "row" }, title, element("small", {}, name)));
  const on = (scale) => (name === data.chance ? undefined : scale);
  line.metrics.forEach((interval, place) => made.append(number(interval, plain, on(scales[place]))));
  made.append(number(line.test?.difference, signed, on(differences)));
  made.append(number(line.test && [line.test.p], plain));
  made.append(element("td", {}, String(line.seeds)));
  return made;
}

// What a column is sorted by; nothing sorts last.
function key(line, column) {
  const metrics = data.metrics.length;
  if (column === 0) return data.routers[line.router][1].toLowerCase();
  if (column <= metrics) return line.metrics[column - 1]?.[0];
  return [line.test?.difference[0], line.test?.p, line.seeds][column - metrics - 1];
}

function compare(a, b) {
  const [left, right] = [key(a, sorted.column), key(b, sorted.column)];
  if (left === undefined || right === undefined) return (left === undefined) - (right === undefined);
  const order = left < right ? -1 : Number(left > right);
  return sorted.descending ? -order : order;
}

function show() {
  const lines = table();
  const scaled = lines.filter((line) => label(line) !== data.chance);
  const baseline = lines.find((line) => label(line) === data.baseline);
  const scales = data.metrics.map((_, place) => scale(scaled.map((line) => line.metrics[place]), baseline?.metrics[place]));
  const differences = scale(scaled.map((line) => line.test?.difference), [0, 0, 0]);
  body.replaceChildren(...[...lines].sort(compare).map((line) => row(line, scales, differences)));
  head.forEach((cell, column) => {
    if (column === sorted.column) cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
  chosen.textContent = everyNumber;
  regenerate.querySelector("code").textContent = command();
  // One stop for the Tab key; the arrows go from number to number.
  body.querySelectorAll("a").forEach((link, place) => { link.tabIndex = place === 0 ? 0 : -1; });
}

function tell(link) {
  const cell = link.closest("td");
  const router = cell.parentElement.dataset.router;
  const line = table().find((line) => label(line) === router);
  const what = head[cell.cellIndex].textContent;
  const interval = cell.querySelector("small")?.textContent ?? "";
  const number = `${what} of ${router}: ${link.textContent} ${interval}`.trim();
  const text = `${number} · ${labels().join(", ")} · ${line.seeds} seeds, ${line.n} test queries`;
  if (chosen.textContent !== text) chosen.textContent = text;
}

function move(link, key) {
  const rows = [...body.rows].map((row) => [...row.querySelectorAll("a")]);
  const line = rows.findIndex((links) => links.includes(link));
  const place = rows[line].indexOf(link);
  const next = {
    ArrowRight: rows[line][place + 1],
    ArrowLeft: rows[line][place - 1],
    ArrowDown: rows.slice(line + 1).map((links) => links[place]).find(Boolean),
    ArrowUp: rows.slice(0, line).map((links) => links[place]).findLast(Boolean),
  }[key];
  if (!next) return false;
  link.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  return true;
}

offer();
head.forEach((cell, column) => {
  const button = element("button", { type: "button" }, cell.textContent);
  button.addEventListener("click", () => {
    const descending = column === sorted.column ? !sorted.descending : column > 0 && column !== data.metrics.length + 2;
    sorted = { column, descending };
    show();
  });
  cell.replaceChildren(button);
});
selects.forEach((select) => select.addEventListener("change", () => { offer(); show(); }));
for (const event of ["focusin", "mouseover", "click"]) {
  body.addEventListener(event, ({ target }) => { if (target.matches("a")) tell(target); });
}
body.addEventListener("keydown", (event) => {
  if (event.target.matches("a") && move(event.target, event.key)) event.preventDefault();
});
show();

// Commands

document.querySelectorAll(".command").forEach((line) => {
  const code = line.querySelector("code");
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  line.append(button);
});

// Dark and light

const theme = document.getElementById("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  name();
});
prefersDark.addEventListener("change", name);
name();
theme.hidden = false;
