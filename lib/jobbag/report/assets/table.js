// The table of jobs, or of groups of them. Only the rows that can be seen are in the page; on paper, the first five
// hundred.

const TALL = 27, BEYOND = 12, ON_PAPER = 500; // px of a row; rows made above and below what can be seen

const COLUMNS = [ // order, heading, width in px (0: what is left), content for a job, and for the jobs of a group
  ["number", "#", 68, (row) => counted(row.job.number), (jobs) => `×${counted(jobs.length)}`],
  ["name", "Name", 0, (row) => opener(row)],
  ["outcome", "Outcome", 140, (row) => badge(row.job.outcome), (jobs) => tally(jobs)],
  ["exit", "Exit", 58, (row) => row.job.exit_code ?? ""],
  ["start", "Start", 102, (row) => row.start === null ? "" : elapsed(row.start), (jobs) => firstStart(jobs)],
  ["wait", "Wait", 102, (row) => duration(row.wait), (jobs) => median(jobs, (row) => row.wait)],
  ["run", "Run", 102, (row) => duration(row.run), (jobs) => median(jobs, (row) => row.run)],
  ["attempts", "Attempts", 88, (row) => row.tries.length || "", (jobs) => counted(tries(jobs))],
  ["vcpus", "vCPUs", 70, (row) => row.job.vcpus ?? ""],
  ["memory", "MiB", 110, (row) => memory(row.job)],
  ["why", "Reason", 0, (row) => make("span", { title: row.why }, row.why), (jobs) => reasons(jobs)],
  ["output", "Output", 78, (row) => outputs(row, ["out", "err"])],
];
const alignment = (order) => ["name", "outcome", "why", "output"].includes(order) ? "" : "number";

function opener(row) {
  const button = make("button", { type: "button", className: "link", title: row.name }, make("bdi", {}, row.name));
  button.addEventListener("click", () => showJob(row));
  return button;
}

/** What a job asked for (MiB), and what it used of that. */
function memory({ memory: asked, memory_used: used }) {
  if (asked === null || used === null) return asked === null ? "" : counted(asked);
  return make("span", { title: "used at most, of what it asked for" }, `${counted(used)} of ${counted(asked)}`);
}

const tries = (jobs) => jobs.reduce((total, row) => total + row.tries.length, 0);

function firstStart(jobs) {
  const starts = jobs.map((row) => row.start).filter((start) => start !== null);
  return starts.length ? elapsed(starts.reduce((a, b) => Math.min(a, b))) : "";
}

function median(jobs, value) {
  const found = Float64Array.from(jobs.map(value).filter((one) => one !== null)).sort();
  if (!found.length) return "";
  const words = duration(found[found.length >> 1]);
  return make("span", { title: "median" }, make("span", { className: "unseen" }, "median "), words);
}

/** How many of a group had each outcome. */
function tally(jobs) {
  const found = outcomesOf(jobs), words = found.map(([outcome, number]) => `${counted(number)} ${outcome}`).join(", ");
  return make("span", { title: words }, ...found.map(([outcome, number]) =>
    make("span", { className: `outcome tally ${outcome.replace(" ", "-")}` },
      make("span", { className: "glyph", ariaHidden: "true" }, GLYPH[outcome]), counted(number),
      make("span", { className: "unseen" }, ` ${outcome} `))));
}

function reasons(jobs) {
  const found = [...grouped(jobs.filter((row) => row.why), (row) => row.why)];
  found.sort(([, a], [, b]) => b.length - a.length);
  if (!found.length) return "";
  const words = found.map(([why, some]) => `${counted(some.length)}× ${why}`).join("; ");
  return make("span", { title: words }, words);
}

/** Shows the jobs of a group, or not any more. */
function unfolder({ stem }) {
  const isOpen = view.open.has(stem);
  const names = { type: "button", className: "link", title: line(stem), ariaExpanded: String(isOpen), data: { stem } };
  const button = make("button", names,
    make("span", { className: "glyph", ariaHidden: "true" }, isOpen ? "▾" : "▸"), make("bdi", {}, line(stem)));
  button.addEventListener("click", () => view.toggle(stem));
  return button;
}

const table = {
  element: $("jobs"), body: $("jobs").tBodies[0], scroller: $("scroller"), rows: new Map(), paper: false,

  prepare() {
    this.element.querySelector("colgroup").append(...COLUMNS.map(([, , width]) => {
      const column = make("col");
      if (width) column.style.width = `${width}px`;
      return column;
    }));
    this.element.tHead.append(make("tr", { ariaRowIndex: "1" }, ...COLUMNS.map(([order, title]) =>
      make("th", { scope: "col", className: alignment(order) }, order in ORDERS ? sorter(order, title) : title))));
    const spacer = () => make("tr", { ariaHidden: "true" }, make("td", { colSpan: COLUMNS.length }));
    [this.above, this.below] = [spacer(), spacer()];
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
  },

  /** Other jobs, or in another order: from the top. Where only a group was opened, all stays in its place. */
  renew(same) {
    const { stem } = document.activeElement?.dataset ?? {}, { scrollTop } = this.scroller;
    this.rows.clear();
    this.body.replaceChildren(this.above, this.below);
    this.space(this.below, view.items.length); // or there is nothing to scroll to
    this.scroller.scrollTop = same ? scrollTop : 0;
    this.element.ariaRowCount = String(view.items.length + 1);
    for (const button of this.element.tHead.querySelectorAll("button")) {
      const way = view.descending ? "descending" : "ascending";
      button.parentElement.ariaSort = button.dataset.order === view.order ? way : null;
    }
    this.draw();
    if (!same || stem === undefined) return;
    this.body.querySelector(`[data-stem="${CSS.escape(stem)}"]`)?.focus({ preventScroll: true });
  },

  /** Makes the rows that came into sight, and drops those that left it; the others stay, with the focus in them. */
  draw() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = this.paper ? 0 : Math.max(0, Math.floor(scrollTop / TALL) - BEYOND);
    const seen = this.paper ? ON_PAPER : Math.ceil((scrollTop + clientHeight) / TALL) + BEYOND;
    const last = Math.min(view.items.length, seen);
    for (const [index, row] of this.rows) if (index < first || index >= last) {
      row.remove();
      this.rows.delete(index);
    }
    let next = this.below;
    for (let index = last - 1; index >= first; index -= 1) {
      if (!this.rows.has(index)) {
        this.rows.set(index, tableRow(view.items[index], index));
        next.before(this.rows.get(index));
      }
      next = this.rows.get(index);
    }
    this.space(this.above, first);
    this.space(this.below, this.paper ? 0 : view.items.length - last);
  },

  /** Let a row be as high as so many. */
  space(row, many) {
    row.hidden = !many;
    row.firstChild.style.height = `${many * TALL}px`;
  },
};

function sorter(order, title) {
  const button = make("button", { type: "button", data: { order } }, title);
  button.addEventListener("click", () =>
    view.change({ order, descending: view.order === order && !view.descending }));
  return button;
}

function tableRow(item, index) {
  const cells = COLUMNS.map(([order, , , content, ofGroup = () => ""]) => {
    if (order === "name") return make("th", { scope: "row" }, item.jobs ? unfolder(item) : content(item));
    return make("td", { className: alignment(order) }, item.jobs ? ofGroup(item.jobs) : content(item));
  });
  const isMember = !item.jobs && view.open.has(item.stem) && view.grouped;
  const names = [item.jobs && "group", isMember && "member", index % 2 && "odd"].filter(Boolean);
  return make("tr", { ariaRowIndex: String(index + 2), className: names.join(" ") }, ...cells);
}
