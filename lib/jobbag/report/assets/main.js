// The page put together: the filter, and who draws anew when it changes.

function prepareFilter() {
  $("text").addEventListener("input", () => view.change({ text: $("text").value }));
  const { jobs, succeeded, failed, ...others } = summary.counts;
  const rare = [["stopped", "Stopped"], ["not run", "Not run"], ["running", "Running"], ["waiting", "Waiting"]];
  $("outcomes").append(choice(null, "All", jobs), choice("succeeded", "Succeeded", succeeded),
    choice("failed", "Failed", failed), ...rare
      .map(([outcome, word]) => [outcome, word, others[outcome.replace(" ", "_")]])
      .filter(([, , number]) => number).map((words) => choice(...words)));
  $("order").append(...Object.entries(ORDERS).map(([value, [text]]) => make("option", { value }, text)));
  $("order").addEventListener("change", () => view.change({ order: $("order").value }));
  $("direction").addEventListener("click", () => view.change({ descending: !view.descending }));
  $("cause").addEventListener("click", () => view.change({ cause: null }));
  $("node").addEventListener("click", () => view.change({ node: null }));
  $("grouping").hidden = STEMS.size < 2 || STEMS.size === rows.length;
  $("grouped").addEventListener("change", () => view.change({ grouped: $("grouped").checked }));
}

function choice(outcome, word, number) {
  const input = make("input", { type: "radio", name: "outcome", value: outcome ?? "" });
  input.addEventListener("change", () => view.change({ outcome }));
  const glyph = outcome ? `${GLYPH[outcome]} ` : "";
  return make("label", {}, input, make("span", {}, `${glyph}${word} `, make("small", {}, counted(number))));
}

/** The filter says what is shown, whoever asked for it. */
function showFilter() {
  if ($("text").value !== view.text) $("text").value = view.text;
  for (const input of $("outcomes").querySelectorAll("input")) input.checked = input.value === (view.outcome ?? "");
  $("order").value = view.order;
  $("direction").textContent = view.descending ? "↓" : "↑";
  $("direction").ariaLabel = $("direction").title = view.descending ? "Largest first" : "Smallest first";
  $("cause").hidden = view.cause === null;
  if (view.cause !== null) {
    $("cause").textContent = `× ${line(summary.causes[view.cause].cause)}`;
    $("cause").title = `Show other causes too than: ${line(summary.causes[view.cause].cause)}`;
  }
  $("node").hidden = view.node === null;
  if (view.node !== null) {
    $("node").textContent = `× ${view.node.label}`;
    $("node").title = `Show other jobs too than: ${view.node.label}`;
  }
  $("grouped").checked = view.grouped;
  const all = plural(rows.length, "job");
  $("shown").textContent = view.rows.length === rows.length ? all : `${counted(view.rows.length)} of ${all}`;
}

/** On paper: light, and with as much of the table as anybody would turn pages for. */
function onPaper(is) {
  document.documentElement.classList.toggle("paper", is);
  table.paper = is;
  table.draw();
  timeline.draw();
  $("printed").hidden = !is || view.items.length <= ON_PAPER;
  $("printed").textContent = `The first ${counted(ON_PAPER)} of ${plural(view.items.length, "row")}.`;
}

showHeader();
showLines("errors");
showLines("notes");
showCauses();
showResources();
showLegend();
showOrder();
prepareFilter();
prepareExport();
table.prepare();
handleTimeline();
view.listeners.push(showFilter, (same) => same ? timeline.unfolded() : timeline.reset(),
  showHistograms, (same) => table.renew(same));
recall();
prepareLive();

let width = $("timeline").clientWidth;
new ResizeObserver(() => {
  table.draw();
  if (width === $("timeline").clientWidth) return;
  width = $("timeline").clientWidth;
  timeline.draw();
  showHistograms();
}).observe($("scroller"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline.draw());
addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));
