// The table of jobs. Only the rows that can be seen are in the page; on paper, the first five hundred.

const TALL = 27, BEYOND = 12, ON_PAPER = 500; // px of a row; rows made above and below what can be seen
const SHOWN_RESULTS = 200;

const COLUMNS = [ // order, heading, width in px (0: what is left), content
  ["number", "#", 68, (row) => counted(row.job.number)],
  ["name", "Name", 0, (row) => opener(row)],
  ["outcome", "Outcome", 118, (row) => badge(row.job.outcome)],
  ["exit", "Exit", 58, (row) => row.job.exit_code ?? ""],
  ["start", "Start", 90, (row) => row.start === null ? "" : elapsed(row.start)],
  ["wait", "Wait", 90, (row) => duration(row.wait)],
  ["run", "Run", 90, (row) => duration(row.run)],
  ["attempts", "Attempts", 88, (row) => row.tries.length || ""],
  ["vcpus", "vCPUs", 70, (row) => row.job.vcpus ?? ""],
  ["memory", "MiB", 74, (row) => row.job.memory === null ? "" : counted(row.job.memory)],
  ["why", "Reason", 0, (row) => make("span", { title: row.why }, row.why)],
  ["output", "Output", 78, (row) => outputs(row, ["out", "err"])],
];
const alignment = (order) => ["name", "outcome", "why", "output"].includes(order) ? "" : "number";

function opener(row) {
  const button = make("button", { type: "button", className: "link", title: row.name }, make("bdi", {}, row.name));
  button.addEventListener("click", () => showJob(row));
  return button;
}

/** Links to the files of a job that has some. */
function outputs({ job }, words) {
  const links = document.createDocumentFragment();
  if (job.outcome !== "not run") links.append(link(job.out, words[0]), " ", link(job.err, words[1]));
  return links;
}

/** Links to the results of a job that are here. */
function results({ job }) {
  if (!job.results.length) return [];
  const items = job.results.slice(0, SHOWN_RESULTS).map((path) => make("li", {}, link(path, path)));
  const more = job.results.length - items.length;
  if (more > 0) items.push(make("li", {}, `and ${counted(more)} more`));
  return [make("h3", {}, "Results"), make("ul", {}, ...items)];
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

  /** Other jobs, or in another order: from the top. */
  renew() {
    this.scroller.scrollTop = 0;
    this.rows.clear();
    this.body.replaceChildren(this.above, this.below);
    this.element.ariaRowCount = String(view.rows.length + 1);
    for (const button of this.element.tHead.querySelectorAll("button")) {
      const way = view.descending ? "descending" : "ascending";
      button.parentElement.ariaSort = button.dataset.order === view.order ? way : null;
    }
    this.draw();
  },

  /** Makes the rows that came into sight, and drops those that left it; the others stay, with the focus in them. */
  draw() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = this.paper ? 0 : Math.max(0, Math.floor(scrollTop / TALL) - BEYOND);
    const seen = this.paper ? ON_PAPER : Math.ceil((scrollTop + clientHeight) / TALL) + BEYOND;
    const last = Math.min(view.rows.length, seen);
    for (const [index, row] of this.rows) if (index < first || index >= last) {
      row.remove();
      this.rows.delete(index);
    }
    let next = this.below;
    for (let index = last - 1; index >= first; index -= 1) {
      if (!this.rows.has(index)) {
        this.rows.set(index, tableRow(view.rows[index], index));
        next.before(this.rows.get(index));
      }
      next = this.rows.get(index);
    }
    this.space(this.above, first);
    this.space(this.below, this.paper ? 0 : view.rows.length - last);
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

function tableRow(row, index) {
  const cells = COLUMNS.map(([order, , , content]) => order === "name"
    ? make("th", { scope: "row" }, content(row))
    : make("td", { className: alignment(order) }, content(row)));
  return make("tr", { ariaRowIndex: String(index + 2), className: index % 2 ? "odd" : "" }, ...cells);
}

// -- all about one job

function showJob(row) {
  const { job, cause } = row;
  const close = make("button", { type: "button" }, "Close");
  close.addEventListener("click", () => $("job").close());
  const facts = [
    ["Number", job.number], ["AWS id", job.aws_id], ["Status", job.status], ["Exit code", job.exit_code],
    ["Reason", job.reason], ["Submitted", moment(job.created)], ["Waited", duration(row.wait)],
    ["Ran", duration(row.run)], ["vCPUs", job.vcpus],
    ["Memory", job.memory === null ? null : `${counted(job.memory)} MiB`], ["Lines of output", job.lines],
  ].filter(([, value]) => value !== null && value !== "");
  $("job").replaceChildren(
    make("header", {}, make("h2", { id: "job-title" }, make("bdi", {}, row.name)), close),
    badge(job.outcome),
    ...(cause ? [make("p", {}, make("code", {}, line(cause.cause))), make("p", {}, line(cause.advice))] : []),
    make("dl", {}, ...facts.map(([term, value]) =>
      make("div", {}, make("dt", {}, term), make("dd", {}, line(String(value)))))),
    ...(row.tries.length > 1 ? [attemptsTable(row.tries)] : []),
    make("p", {}, outputs(row, ["stdout", "stderr"])),
    ...results(row),
  );
  $("job").showModal();
}

function attemptsTable(tries) {
  const ran = ({ started, stopped }) => started === null || stopped === null ? "" : duration(stopped - started);
  const tableOf = (tag, texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, text)));
  return make("table", {},
    make("thead", {}, tableOf("th", ["Attempt", "Start", "Ran", "Exit", "Reason"])),
    make("tbody", {}, ...tries.map((one, index) => tableOf("td",
      [index + 1, moment(one.started, TIME), ran(one), one.exit_code ?? "", line(one.reason ?? "")]))));
}
