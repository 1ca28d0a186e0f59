// Which jobs the charts and the table show, in which order, and which of them as one.

const BY_NAME = new Intl.Collator("en", { numeric: true });
const BY_OUTCOME = ["failed", "stopped", "not run", "running", "waiting", "succeeded"];
const ORDERS = {
  number: ["number", (row) => row.job.number],
  name: ["name", (row) => row.name],
  outcome: ["outcome", (row) => BY_OUTCOME.indexOf(row.job.outcome)],
  exit: ["exit code", (row) => row.job.exit_code],
  start: ["start", (row) => row.start],
  wait: ["queue wait", (row) => row.wait],
  run: ["run time", (row) => row.run],
  attempts: ["attempts", (row) => row.tries.length || null],
  vcpus: ["vCPUs", (row) => row.job.vcpus],
  memory: ["memory", (row) => row.job.memory],
  why: ["reason", (row) => row.why || null],
};

const MANY = 100; // jobs that are grouped when the page opens, if few groups come of them
const STEMS = new Set(rows.map(({ stem }) => stem));

const view = {
  text: "", outcome: null, cause: null, node: null, order: "number", descending: false,
  grouped: rows.length >= MANY && STEMS.size > 1 && STEMS.size <= rows.length / 4,
  open: new Set(), // groups of which the jobs are shown, by their stems
  last: null, // the group that was opened or closed last
  rows, items: rows, listeners: [],

  /** Show other jobs, or in another order, and tell all who draw them. */
  change(wish) {
    Object.assign(this, wish);
    const wanted = this.text.trim().toLowerCase();
    const found = rows.filter((row) =>
      (this.outcome === null || row.job.outcome === this.outcome) &&
      (this.cause === null || row.job.cause === this.cause) &&
      (this.node === null || this.node.rows.has(row)) &&
      (!wanted || row.text.includes(wanted)));
    this.rows = sorted(found, ORDERS[this.order][1], this.descending ? -1 : 1);
    this.group(false);
  },

  /** Show the jobs of a group, or not any more. */
  toggle(stem) {
    if (!this.open.delete(stem)) this.open.add(stem);
    this.last = stem;
    this.group(true);
  },

  /** Groups stand where their first job does; one of a single job is that job. `same`: the jobs are as they were. */
  group(same) {
    this.items = !this.grouped ? this.rows : [...grouped(this.rows, ({ stem }) => stem)].flatMap(([stem, jobs]) => {
      if (jobs.length === 1) return jobs;
      return [{ stem, jobs }, ...(this.open.has(stem) ? jobs : [])];
    });
    this.items.forEach((item, place) => { item.place = place; });
    for (const tell of this.listeners) tell(same);
  },
};

/** The jobs of what has a row: one, or those of a group. */
const jobsOf = (item) => item.jobs ?? [item];

/** How many of some jobs had each outcome: [outcome, number], the worst first. */
const outcomesOf = (some) => BY_OUTCOME
  .map((outcome) => [outcome, some.filter((row) => row.job.outcome === outcome).length]).filter(([, number]) => number);

/** Rows without the value come last, either way; equal ones stay in the order of the bag. */
function sorted(found, value, sign) {
  const keyed = found.map((row) => [value(row), row]);
  const compare = (a, b) => typeof a === "string" ? BY_NAME.compare(a, b) : a - b;
  keyed.sort(([a], [b]) => a === b ? 0 : a === null ? 1 : b === null ? -1 : sign * compare(a, b));
  return keyed.map(([, row]) => row);
}
