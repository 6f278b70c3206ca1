// The first page: what the cluster has, and a box to ask it. It uses nothing but the REST API beside it, by relative
// addresses, so that it works behind a path prefix. All text goes in as text, never as markup.

const SHOWN_ROWS = 2000;
const HISTORY_KEY = "cuvee:history";
const HISTORY_LENGTH = 30;
const REFRESH_MS = 10_000;
const FACTS_IN_FLIGHT = 4;
const ROLES = ["Controller", "Broker", "Server", "Minion"];
const NUMBERS = new Set(["INT", "LONG", "FLOAT", "DOUBLE", "BIG_DECIMAL"]);

const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Whole numbers beyond 2^53 stay as they were written, where the browser tells how that was. */
const parse = (text) =>
  JSON.parse(text, (_, value, context) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? BigInt(context.source) : value);

async function ask(path, options) {
  const answer = await fetch(path, options);
  const text = await answer.text();
  let body = text;
  try { body = parse(text); } catch { /* some answers are plain text */ }
  if (!answer.ok) throw new Error(body?.error ?? (text || `${answer.status} ${answer.statusText}`));
  return body;
}

const part = encodeURIComponent;

// Cluster ------------------------------------------------------------------------------------------------------------

let clusterName = null;

async function showCluster() {
  const health = $("health");
  try {
    clusterName ??= (await ask("cluster/info")).clusterName;
    $("cluster").textContent = clusterName;
    const [all, live] = await Promise.all([ask("instances"), ask(`zk/ls?path=${part(`/${clusterName}/LIVEINSTANCES`)}`)]);
    showInstances(all.instances, new Set(live));
    health.textContent = "healthy";
    health.className = "chip good";
  } catch (error) {
    health.textContent = "no answer";
    health.className = "chip bad";
    health.title = String(error.message);
  }
}

function showInstances(names, live) {
  const role = (name) => ROLES.find((r) => name.startsWith(`${r}_`)) ?? "Other";
  $("cards").replaceChildren(...ROLES.map((r) => {
    const of = names.filter((name) => role(name) === r);
    const up = of.filter((name) => live.has(name)).length;
    return el("div", { className: up < of.length ? "card bad" : "card", title: `${up} of ${of.length} alive` },
      el("b", {}, up === of.length ? String(of.length) : `${up}/${of.length}`), el("span", {}, of.length === 1 ? r : `${r}s`));
  }));
  const sorted = [...names].sort((a, b) => ROLES.indexOf(role(a)) - ROLES.indexOf(role(b)) || a.localeCompare(b));
  $("instances").replaceChildren(...sorted.map((name) => {
    const [, host, port] = name.match(/^[^_]+_(.*)_(\d+)$/) ?? [null, name, ""];
    return el("li", { className: "instance", title: name },
      el("span", { className: live.has(name) ? "dot good" : "dot bad", title: live.has(name) ? "alive" : "not alive" }),
      el("span", {}, role(name)), el("span", { className: "host" }, port ? `${host}:${port}` : host));
  }));
}

// Tables -------------------------------------------------------------------------------------------------------------

let shownTables = "";
const waiting = [];
let inFlight = 0;

/** Facts of few tables are asked for at once; of many, which may be thousands, when a line comes into view. */
const AT_ONCE = 40;

const inView = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    inView.unobserve(entry.target);
    waiting.push(entry.target);
  }
  nextFacts();
});

function watch(lines) {
  if (lines.length > AT_ONCE) return lines.forEach((line) => inView.observe(line));
  waiting.push(...lines);
  nextFacts();
}

function nextFacts() {
  while (inFlight < FACTS_IN_FLIGHT && waiting.length) {
    inFlight += 1;
    showFacts(waiting.shift()).finally(() => { inFlight -= 1; nextFacts(); });
  }
}

async function showTables() {
  const { tables } = await ask("tables?type=offline").then(async (offline) => ({
    tables: [...offline.tables, ...(await ask("tables?type=realtime")).tables].sort((a, b) => a.localeCompare(b)),
  }));
  const now = JSON.stringify(tables);
  if (now === shownTables) {
    watch([...$("tables").children]);
    return;
  }
  shownTables = now;
  $("table-count").textContent = tables.length ? `· ${tables.length}` : "";
  $("filter").hidden = tables.length < 8;
  inView.disconnect();
  waiting.length = 0;
  $("tables").replaceChildren(...tables.map(tableLine));
  watch([...$("tables").children]);
  filterTables();
  if (!last && !running) welcome(tables);
}

function tableLine(name) {
  const [, raw, type] = name.match(/^(.*)_(OFFLINE|REALTIME)$/) ?? [null, name, ""];
  const line = el("li", { className: "table" });
  line.dataset.table = name;
  line.dataset.raw = raw;
  const button = el("button", { type: "button", title: `Columns of ${raw}`, onclick: () => toggleColumns(line) },
    el("span", { className: "name" }, raw), el("span", { className: "type" }, type), el("span", { className: "facts" }, "…"));
  button.setAttribute("aria-expanded", "false");
  line.append(button);
  return line;
}

async function showFacts(line) {
  const facts = line.querySelector(".facts");
  try {
    const type = line.dataset.table.endsWith("_REALTIME") ? "REALTIME" : "OFFLINE";
    const [meta, status] = await Promise.all([
      ask(`tables/${part(line.dataset.raw)}/metadata?type=${type}`),
      ask(`tables/${part(line.dataset.table)}/segmentsStatus`),
    ]);
    const bad = status.filter((segment) => segment.segmentStatus !== "GOOD").length;
    facts.replaceChildren(
      `${count(meta.numRows)} rows · ${bytes(meta.diskSizeInBytes)} · ${status.length} segment${status.length === 1 ? "" : "s"}`,
      bad ? el("span", { style: "color: var(--bad)" }, ` · ${bad} not good`) : "");
  } catch (error) {
    facts.textContent = "its servers do not answer";
    facts.title = String(error.message);
  }
}

async function toggleColumns(line) {
  const button = line.querySelector("button");
  const open = line.querySelector(".columns");
  if (open) {
    open.remove();
    line.removeAttribute("open-columns");
    button.setAttribute("aria-expanded", "false");
    return;
  }
  suggest(`select * from ${quoted(line.dataset.raw)} limit 10`);
  try {
    const schema = await ask(`tables/${part(line.dataset.raw)}/schema`);
    if (line.querySelector(".columns")) return;
    const fields = ["dimensionFieldSpecs", "metricFieldSpecs", "dateTimeFieldSpecs", "complexFieldSpecs"].flatMap((kind) => schema[kind] ?? []);
    line.setAttribute("open-columns", "");
    button.setAttribute("aria-expanded", "true");
    line.append(el("ul", { className: "columns" }, ...fields.map((field) =>
      el("li", {}, el("button", { type: "button", title: "Put this name into the statement", onclick: () => insert(quoted(field.name)) },
        el("span", {}, field.name), el("i", {}, field.dataType + (field.singleValueField === false ? "[]" : "")))))));
  } catch (error) {
    note(`The columns of ${line.dataset.raw} cannot be shown: ${error.message}`, true);
  }
}

function filterTables() {
  const wanted = $("filter").value.trim().toLowerCase();
  for (const line of $("tables").children) line.hidden = !line.dataset.table.toLowerCase().includes(wanted);
}

// Query --------------------------------------------------------------------------------------------------------------

let running = null;
let last = null;
let view = "rows";
let suggested = "";

const quoted = (name) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(timestamp|date|time|user|order|group|value|values|count|language|position|year|month|day|hour|minute|second|interval|table|method|stream|start|end|from|to|row|rows|current|default|rank|result|system|type)$/i.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** Fills the box unless somebody has written there. */
function suggest(statement) {
  if ($("sql").value.trim() && $("sql").value !== suggested) return;
  suggested = statement;
  $("sql").value = statement;
}

function insert(text) {
  const box = $("sql");
  box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
  box.focus();
}

async function run() {
  if (running) return stop();
  const sql = $("sql").value.trim();
  if (!sql) return $("sql").focus();
  const id = `console-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  running = { id, abort: new AbortController(), stopped: false };
  $("run").firstChild.data = "Stop ";
  $("notes").replaceChildren();
  $("stats").textContent = "asking …";
  const began = performance.now();
  try {
    const answer = await ask("sql", {
      method: "POST", headers: { "Content-Type": "application/json" }, signal: running.abort.signal,
      body: JSON.stringify({ sql, queryOptions: `clientQueryId=${id}` }),
    });
    last = { sql, answer };
    remember(sql);
    window.history.replaceState(null, "", `#q=${part(sql)}`);
    showAnswer(performance.now() - began);
  } catch (error) {
    $("stats").textContent = "";
    if (running.stopped) note("Stopped. The servers were told to drop it.");
    else note(error.message, true);
  } finally {
    running = null;
    $("run").firstChild.data = "Run ";
  }
}

function stop() {
  running.stopped = true;
  fetch(`clientQuery/${part(running.id)}`, { method: "DELETE" }).catch(() => {});
  running.abort.abort();
}

function note(text, isError = false) {
  $("notes").append(el("p", { className: isError ? "note error" : "note" }, text));
}

function showAnswer(roundTripMs) {
  const { answer } = last;
  for (const problem of answer.exceptions ?? []) note(`${problem.errorCode}: ${problem.message}`, true);
  if (answer.partialResult && answer.resultTable) note("This answer is not complete: some servers or segments did not take part.");
  if (answer.numGroupsLimitReached) note("There were more groups than the limit: the groups shown are not all, and their values may be too low. Raise it with SET numGroupsLimit = …;");
  const rows = answer.resultTable?.rows.length ?? 0;
  $("stats").textContent = !answer.resultTable ? "" : [
    `${count(rows)} row${rows === 1 ? "" : "s"}`, `${answer.timeUsedMs} ms`, `round trip ${Math.max(1, Math.round(roundTripMs))} ms`,
    `${count(answer.numDocsScanned)} of ${count(answer.totalDocs)} docs scanned`,
    `${answer.numSegmentsProcessed ?? 0} of ${answer.numSegmentsQueried ?? 0} segments`,
    `${answer.numServersResponded} of ${answer.numServersQueried} servers`,
  ].join(" · ");
  $("views").hidden = !answer.resultTable;
  showResult();
}

function showResult() {
  for (const tab of document.querySelectorAll(".tab")) tab.setAttribute("aria-pressed", String(tab.dataset.view === view));
  const { answer } = last;
  if (!answer.resultTable) return $("result").replaceChildren();
  if (view === "json") return $("result").replaceChildren(el("pre", {}, JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? JSON.rawJSON?.(String(v)) ?? String(v) : v), 2)));
  const { dataSchema: { columnNames: names, columnDataTypes: types }, rows } = answer.resultTable;
  if (!rows.length) return $("result").replaceChildren(el("div", { className: "empty" }, el("h3", {}, "No row fits"), "The statement is right, and nothing in the table answers it."));
  const shown = rows.slice(0, SHOWN_ROWS);
  // A bar behind a number shows its part of the column's largest: where there is more than one and none below zero.
  const largest = types.map((type, i) => {
    if (!NUMBERS.has(type) || shown.length < 2) return 0;
    const values = shown.map((row) => Number(row[i]));
    return values.every((value) => value >= 0 && Number.isFinite(value)) ? Math.max(...values) : 0;
  });
  const head = el("tr", {}, ...names.map((name, i) => el("th", { scope: "col", className: NUMBERS.has(types[i]) ? "number" : "" }, name, el("i", {}, types[i]))));
  const body = shown.map((row) => el("tr", {}, ...row.map((value, i) => {
    const cell = el("td", {}, value === null ? el("span", { className: "null" }, "null") : shownValue(value));
    if (typeof value === "string" && value.length > 60) cell.title = value;
    if (NUMBERS.has(types[i])) {
      cell.className = "number";
      if (largest[i] > 0) cell.style.backgroundImage = bar(Number(value) / largest[i]);
    }
    return cell;
  })));
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
  $("result").replaceChildren(table, rows.length > shown.length ? el("p", { className: "note" }, `The first ${count(shown.length)} of ${count(rows.length)} rows. CSV has them all.`) : "");
}

const bar = (share) => `linear-gradient(to left, var(--bar) ${(share * 100).toFixed(1)}%, transparent 0)`;
const shownValue = (value) => (typeof value === "object" ? JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v)) : String(value));

function csv() {
  const { dataSchema, rows } = last.answer.resultTable;
  const field = (value) => {
    const text = value === null ? "" : shownValue(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const text = [dataSchema.columnNames, ...rows].map((row) => row.map(field).join(",")).join("\r\n");
  const url = URL.createObjectURL(new Blob([text, "\r\n"], { type: "text/csv;charset=utf-8" }));
  el("a", { href: url, download: "result.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function copyCurl() {
  const shell = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;
  const command = `curl -s ${shell(new URL("sql", location.href.split("#")[0]).href)} -H 'Content-Type: application/json' -d ${shell(JSON.stringify({ sql: last.sql }))}`;
  try {
    await navigator.clipboard.writeText(command);
    $("curl").textContent = "Copied";
    setTimeout(() => { $("curl").textContent = "Copy as curl"; }, 1500);
  } catch {
    // Browsers give the clipboard to pages of localhost and https only: then it is shown, to be copied by hand.
    note(command);
  }
}

// History ------------------------------------------------------------------------------------------------------------

function history() {
  try { return JSON.parse(localStorage.getItem(HISTORY_KEY)) ?? []; } catch { return []; }
}

function remember(sql) {
  const kept = [sql, ...history().filter((old) => old !== sql)].slice(0, HISTORY_LENGTH);
  try { localStorage.setItem(HISTORY_KEY, JSON.stringify(kept)); } catch { /* private windows may refuse */ }
  showHistory();
}

function showHistory() {
  const kept = history();
  $("history").hidden = !kept.length;
  $("history").replaceChildren(el("option", { value: "" }, "Asked before"), ...kept.map((sql) => el("option", { value: sql, title: sql }, sql.replace(/\s+/g, " ").slice(0, 90))));
}

// Words --------------------------------------------------------------------------------------------------------------

function welcome(tables) {
  if (tables.length) {
    const raw = tables[0].replace(/_(OFFLINE|REALTIME)$/, "");
    suggest(`select * from ${quoted(raw)} limit 10`);
    return $("result").replaceChildren(el("div", { className: "empty" }, el("h3", {}, "Ask something"),
      "Pick a table on the left to see its columns, write a statement, and press Ctrl + Enter."));
  }
  const here = location.origin + location.pathname.replace(/\/$/, "");
  return $("result").replaceChildren(el("div", { className: "empty" }, el("h3", {}, "No table yet"),
    "A table is a schema, a config and rows. From a terminal, with a CSV file of yours:",
    el("p", {}, "1. Say what columns it has"),
    el("pre", {}, `curl ${here}/schemas -H 'Content-Type: application/json' -d '{"schemaName": "movies",\n  "dimensionFieldSpecs": [{"name": "title", "dataType": "STRING"}],\n  "metricFieldSpecs": [{"name": "budget", "dataType": "LONG"}]}'`),
    el("p", {}, "2. Add the table"),
    el("pre", {}, `curl ${here}/tables -H 'Content-Type: application/json' -d '{"tableName": "movies", "tableType": "OFFLINE",\n  "segmentsConfig": {"replication": "1"}, "tenants": {}, "tableIndexConfig": {}, "metadata": {}}'`),
    el("p", {}, "3. Send the rows"),
    el("pre", {}, `curl -F file=@movies.csv '${here}/ingestFromFile?tableNameWithType=movies_OFFLINE&batchConfigMapStr=%7B%22inputFormat%22:%22csv%22%7D'`),
    el("p", {}, "Every call can also be tried in the ", el("a", { href: "help" }, "REST API"), ".")));
}

function count(n) { return Number(n ?? 0).toLocaleString("en-US"); }

function bytes(n) {
  if (!(n >= 0)) return "size unknown";
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) { n /= 1024; at += 1; }
  return `${at && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
}

// Start --------------------------------------------------------------------------------------------------------------

$("run").onclick = run;
$("sql").onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
};
$("filter").oninput = filterTables;
$("history").onchange = (event) => {
  if (event.target.value) $("sql").value = event.target.value;
  event.target.value = "";
  $("sql").focus();
};
for (const tab of document.querySelectorAll(".tab")) tab.onclick = () => { view = tab.dataset.view; showResult(); };
$("csv").onclick = csv;
$("curl").onclick = copyCurl;

/** A link to a statement fills the box. Only what reads is run by itself: following a link must change nothing. */
function fromLink() {
  const linked = location.hash.startsWith("#q=") ? decode(location.hash.slice(3)) : "";
  if (!linked || linked === $("sql").value) return;
  $("sql").value = linked;
  if (/^\s*(select|explain)\b[^;]*;?\s*$/i.test(linked)) run();
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return ""; }
}

async function refresh() {
  await Promise.all([showCluster(), showTables().catch(() => {})]);
}

showHistory();
fromLink();
window.addEventListener("hashchange", fromLink);
ask("version").then((versions) => { $("version").textContent = versions.cuvee ? `v${versions.cuvee}` : ""; }).catch(() => {});
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
