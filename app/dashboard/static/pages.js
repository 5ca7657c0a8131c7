// Makes pages live. Everything works without: this only saves reloading, and sorts tables.

const regions = [...document.querySelectorAll("[data-live]")];
const isStill = regions.length === 0 || regions.some((region) => region.hasAttribute("data-still"));
const state = document.querySelector("[data-state]");
const news = document.querySelector("[data-news]");

// ---- choosing rows --------------------------------------------------------------------------------------------------

function boxes() {
  return [...document.querySelectorAll('input[type="checkbox"][name="id"]')];
}

function prepareChoosing() {
  const all = document.querySelector("[data-all]");
  if (!all) return;
  all.disabled = false;
  const chosen = boxes().filter((box) => box.checked).length;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && chosen < boxes().length;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches('[data-all], input[name="id"]')) prepareChoosing();
});

// ---- sorting tables -------------------------------------------------------------------------------------------------

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const sorted = { column: -1, down: false };

function valueOf(row, column, kind) {
  const cell = row.cells[column];
  if (!cell) return kind === "number" ? 0 : "";
  const value = cell.dataset.value ?? cell.textContent.trim();
  return kind === "number" ? Number(value) : value;
}

function compare(one, other) {
  return typeof one === "number" ? one - other : collator.compare(one, other);
}

// Rows are sorted within their group, and groups by their first row: whose driver it is stays plain.
function sortTable(table, column, kind, down) {
  const order = (one, other) => (down ? -1 : 1) * compare(valueOf(one, column, kind), valueOf(other, column, kind));
  const groups = [...table.tBodies];
  const firsts = new Map();
  for (const group of groups) {
    const rows = [...group.rows].filter((row) => !row.querySelector('th[scope="rowgroup"]')).sort(order);
    group.append(...rows);
    firsts.set(group, rows[0]);
  }
  if (groups.length > 1) {
    groups.sort((one, other) => order(firsts.get(one), firsts.get(other)));
    for (const group of groups) table.append(group);
  }
  for (const header of table.tHead.rows[0].cells) header.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", down ? "descending" : "ascending");
}

function prepareSorting() {
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const kind = header.dataset.sort;
      if (!kind || header.querySelector("button")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = header.textContent;
      header.textContent = "";
      header.append(button);
      button.addEventListener("click", () => {
        sorted.down = sorted.column === column ? !sorted.down : kind === "number";
        sorted.column = column;
        sortTable(table, column, kind, sorted.down);
      });
    });
    if (sorted.column >= 0) {
      const header = table.tHead.rows[0].cells[sorted.column];
      if (header) sortTable(table, sorted.column, header.dataset.sort, sorted.down);
    }
  }
}

// ---- telling what is new --------------------------------------------------------------------------------------------

const toasts = document.createElement("div");
toasts.className = "toasts no-print";
document.body.append(toasts);

function tell(messages) {
  if (!messages.length) return;
  const shown = messages.slice(0, 4);
  if (messages.length > shown.length) shown.push(`and ${messages.length - shown.length} more changes`);
  if (news) news.textContent = shown.join(". ");
  for (const message of shown) {
    const toast = document.createElement("p");
    toast.textContent = message;
    toasts.append(toast);
    setTimeout(() => toast.remove(), 8000);
  }
  while (toasts.children.length > 6) toasts.firstElementChild.remove();
}

function rowsById() {
  const rows = new Map();
  for (const row of document.querySelectorAll("tr[data-id]")) rows.set(row.dataset.id, row);
  return rows;
}

// ---- the live part --------------------------------------------------------------------------------------------------

let address = location.pathname + location.search;

const FOCUSABLE = "a, button, input, select, textarea, summary, [tabindex]";

// By this what had the focus is found again in the new part.
function keyOf(part) {
  const words = /^(BUTTON|SUMMARY)$/.test(part.tagName) ? part.textContent : part.getAttribute("aria-label");
  return [part.tagName, part.name, part.value, part.getAttribute("href"), words].join("|");
}

function replaceLive(text, isSameView) {
  const before = rowsById();
  const chosen = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const open = new Set([...document.querySelectorAll("details[open][data-keep]")].map((part) => part.dataset.keep));
  const focused = document.activeElement;
  const isInside = regions.some((region) => region.contains(focused));
  const focusKey = isInside ? keyOf(focused) : null;
  const note = document.querySelector('[data-live] input[name="note"]')?.value;
  const parsed = new DOMParser().parseFromString(text, "text/html");
  const parts = [...parsed.querySelectorAll("[data-live]")];
  // The overview answers with its live part alone, other pages with all of themselves.
  if (!parts.length) regions[0].replaceChildren(...parsed.body.childNodes);
  else if (parts.length === regions.length) regions.forEach((region, n) => region.replaceChildren(...parts[n].childNodes));
  if (note) {
    const field = document.querySelector('[data-live] input[name="note"]');
    if (field) field.value = note;
  }
  for (const box of boxes()) box.checked = chosen.has(box.value);
  for (const part of document.querySelectorAll("[data-live] details[data-keep]")) part.open = open.has(part.dataset.keep);
  prepareChoosing();
  prepareSorting();
  if (isInside) {
    const again = [...document.querySelectorAll(`[data-live] :is(${FOCUSABLE})`)].find((one) => keyOf(one) === focusKey);
    again?.focus({ preventScroll: true });
  }
  if (!isSameView) return;
  const after = rowsById();
  const messages = [];
  for (const [id, row] of after) {
    if (!before.has(id)) {
      row.classList.add("is-new");
      messages.push(`New: ${row.dataset.name}`);
    }
  }
  for (const [id, row] of before) if (!after.has(id)) messages.push(`No longer here: ${row.dataset.name}`);
  tell(messages);
}

let wanted = 0; // when the newest change was that we were told of, by the server's clock
let spread = 0; // over how long all open pages come, in milliseconds
let timer = null;
let isFetching = false;

async function fetchLive(isSameView = true) {
  isFetching = true;
  try {
    const answer = await fetch(address, { headers: { "x-live": "1", accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      end();
      return;
    }
    if (answer.status >= 400 && answer.status < 500) {
      location.assign(address); // the page itself says what is wrong
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const madeAt = Number(answer.headers.get("x-made-at") ?? Date.parse(answer.headers.get("date")) + 999);
    replaceLive(await answer.text(), isSameView);
    show(`Live. As of ${new Date(madeAt).toISOString().slice(0, 19).replace("T", " ")} UTC.`);
    if (madeAt < wanted) plan(1100 + Math.random() * spread); // that one was made for somebody else just before
  } catch {
    show("Not live: the server cannot be reached. Trying again.");
    plan(5000);
  } finally {
    isFetching = false;
  }
}

function plan(milliseconds) {
  if (timer !== null) return;
  timer = setTimeout(() => {
    timer = null;
    if (isFetching) plan(200);
    else fetchLive();
  }, milliseconds);
}

function show(text) {
  if (state) state.textContent = text;
}

let source = null;
let isOver = false;

function end() {
  isOver = true;
  close();
  show("Not live: your sign-in is over. Reload the page to sign in again.");
}

function close() {
  source?.close();
  source = null;
}

function listen() {
  if (isOver || source || document.hidden) return;
  source = new EventSource("/live");
  source.addEventListener("changed", (event) => {
    const told = JSON.parse(event.data);
    wanted = Math.max(wanted, told.at);
    spread = told.spread;
    plan(Math.random() * told.spread);
  });
  source.addEventListener("ended", end);
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    close();
    show("Not live: trying again.");
    setTimeout(listen, 5000 + Math.random() * 5000);
  });
}

function follow() {
  listen();
  // Browsers open six connections to one server at most: a page that nobody looks at leaves its own to others.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : listen()));
  // What is no change, but moves with the clock or with other terminals.
  setInterval(() => {
    if (!isOver && !document.hidden) plan(Math.random() * 5000);
  }, 60000);
}

// ---- filters without reloading --------------------------------------------------------------------------------------

const filters = document.querySelector("[data-filters]");

function filterAddress() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) if (value !== "") query.append(name, value);
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

async function applyFilters() {
  address = filterAddress();
  history.replaceState(null, "", address);
  const next = document.querySelector('#bulk input[name="next"]');
  if (next) next.value = address;
  await fetchLive(false);
}

if (filters && !isStill) {
  let pause = null;
  // A search follows every letter; other fields are read when they are done, for half a time is none.
  filters.addEventListener("input", (event) => {
    if (event.target.name !== "q") return;
    clearTimeout(pause);
    pause = setTimeout(applyFilters, 400);
  });
  filters.addEventListener("change", (event) => {
    if (["q", "asOf"].includes(event.target.name)) return; // what was known then is another page
    clearTimeout(pause);
    applyFilters();
  });
  filters.addEventListener("submit", (event) => {
    if (new FormData(filters).get("asOf")) return;
    event.preventDefault();
    clearTimeout(pause);
    applyFilters();
  });
}

prepareChoosing();
prepareSorting();
if (!isStill) follow();
