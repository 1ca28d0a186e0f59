// The jobs of the run, what the page derives from them, and which of them it shows in which order.

const summary = JSON.parse($("summary").textContent);

// What a job does for a while; KINDS has the names of the colours, and the words.
const WAITING = 0, STARTING = 1, SUCCEEDED = 2, FAILED = 3, LOST = 4, OPEN = 5, STOPPED = 6;
const KINDS = [["waiting", "waiting"], ["starting", "starting"], ["succeeded", "succeeded"], ["failed", "failed"],
  ["lost", "started again"], ["open", "end not seen"], ["stopped", "stopped"]];
const RUNS = { succeeded: SUCCEEDED, failed: FAILED, stopped: STOPPED, "not run": OPEN };

const END = summary.jobs.reduce((most, job) => Math.max(most, job.created, job.started, job.stopped), summary.ended);

/** The starts of a job's container, the last one too if it has not ended yet. */
function attempts(job) {
  const { started, stopped, exit_code, reason } = job;
  const isNew = started !== null && job.attempts.every((one) => (one.started ?? -1) < started);
  return isNew ? [...job.attempts, { started, stopped, exit_code, reason }] : job.attempts;
}

/** What a job did when: [what, from, to], times in ms. */
function spans(job, tries) {
  const found = [];
  let now = job.created;
  if (now === null) return found;
  const wait = (until) => {
    const starting = job.starting !== null && job.starting > now && job.starting < until ? job.starting : until;
    if (starting > now) found.push([WAITING, now, starting]);
    if (until > starting) found.push([STARTING, starting, until]);
    now = until;
  };
  tries.forEach((one, index) => {
    const from = one.started ?? one.stopped;
    if (from === null) return;
    wait(from);
    now = Math.max(from, one.stopped ?? END);
    found.push([index < tries.length - 1 ? LOST : RUNS[job.outcome], from, now]);
  });
  const ended = ["SUCCEEDED", "FAILED"].includes(job.status);
  if (!ended || !found.length) wait(job.stopped ?? END);
  return found;
}

const rows = summary.jobs.map((job) => {
  const tries = attempts(job);
  const start = tries.length ? tries[0].started : null;
  const cause = job.cause === null ? null : summary.causes[job.cause];
  const texts = [job.name, job.aws_id, job.reason, cause && cause.cause];
  return {
    job, tries, cause, start,
    spans: spans(job, tries),
    name: line(job.name),
    why: line(cause ? cause.cause : job.outcome === "succeeded" ? "" : job.reason ?? ""),
    wait: start === null || job.created === null ? null : Math.max(0, start - job.created),
    run: job.started === null || job.stopped === null ? null : Math.max(0, job.stopped - job.started),
    text: texts.filter(Boolean).join("\n").toLowerCase(),
  };
});

const BEGIN = rows.reduce((least, { spans: [first] }) => first ? Math.min(least, first[1]) : least, summary.started);
const elapsed = (time) => duration(Math.max(0, time - BEGIN));

/** The most jobs that ran at one time. */
function peak() {
  const runs = rows.flatMap((row) => row.spans.filter(([kind]) => kind >= SUCCEEDED));
  const starts = Float64Array.from(runs, ([, from]) => from).sort();
  const stops = Float64Array.from(runs, ([, , to]) => to).sort();
  let most = 0;
  for (let begun = 0, done = 0; begun < starts.length; begun += 1) {
    while (stops[done] <= starts[begun]) done += 1;
    most = Math.max(most, begun + 1 - done);
  }
  return most;
}

// -- which jobs the charts and the table show, in which order

const BY_NAME = new Intl.Collator("en", { numeric: true });
const BY_OUTCOME = ["failed", "stopped", "not run", "succeeded"];
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

const view = {
  text: "", outcome: null, cause: null, order: "number", descending: false, rows, listeners: [],

  /** Show other jobs, or in another order, and tell all who draw them. */
  change(wish) {
    Object.assign(this, wish);
    const wanted = this.text.trim().toLowerCase();
    const found = rows.filter((row) =>
      (this.outcome === null || row.job.outcome === this.outcome) &&
      (this.cause === null || row.job.cause === this.cause) &&
      (!wanted || row.text.includes(wanted)));
    this.rows = sorted(found, ORDERS[this.order][1], this.descending ? -1 : 1);
    for (const tell of this.listeners) tell();
  },
};

/** Rows without the value come last, either way; equal ones stay in the order of the bag. */
function sorted(found, value, sign) {
  const keyed = found.map((row) => [value(row), row]);
  const compare = (a, b) => typeof a === "string" ? BY_NAME.compare(a, b) : a - b;
  keyed.sort(([a], [b]) => a === b ? 0 : a === null ? 1 : b === null ? -1 : sign * compare(a, b));
  return keyed.map(([, row]) => row);
}
