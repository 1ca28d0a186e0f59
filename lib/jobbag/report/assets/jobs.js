// The jobs of the run, and what the page derives from them.

const summary = JSON.parse($("summary").textContent);

// What a job does for a while; KINDS has the names of the colours, and the words.
const WAITING = 0, STARTING = 1, SUCCEEDED = 2, FAILED = 3, LOST = 4, OPEN = 5, STOPPED = 6;
const KINDS = [["waiting", "waiting"], ["starting", "starting"], ["succeeded", "succeeded"], ["failed", "failed"],
  ["lost", "started again"], ["open", summary.goes_on ? "running" : "end not seen"], ["stopped", "stopped"]];
const RUNS = { succeeded: SUCCEEDED, failed: FAILED, stopped: STOPPED };

const END = summary.jobs.reduce((most, job) => Math.max(most, job.created, job.started, job.stopped), summary.ended);

/** The starts of a job's container, the last one too if it has not ended yet. */
function attempts(job) {
  const { started, stopped, exit_code, reason, memory, queue } = job;
  const isNew = started !== null && job.attempts.every((one) => (one.started ?? -1) < started);
  return isNew ? [...job.attempts, { started, stopped, exit_code, reason, memory, queue }] : job.attempts;
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
    found.push([index < tries.length - 1 ? LOST : RUNS[job.outcome] ?? OPEN, from, now]);
  });
  const ended = ["SUCCEEDED", "FAILED"].includes(job.status);
  if (!ended || !found.length) wait(job.stopped ?? END);
  return found;
}

/** The name of a job without its numbers at the end; numbers before are all the same: fit-01 and fit-02 are fit. */
const stemOf = (name) => name.replace(/\d+/g, "#").replace(/(?:[\s_.:[({-]*(?:ID)?#[\])}]*)+$/, "") || "#";

const rows = summary.jobs.map((job) => {
  const tries = attempts(job);
  const start = tries.length ? tries[0].started : null;
  const cause = job.cause === null ? null : summary.causes[job.cause];
  const texts = [job.name, job.aws_id, job.reason, cause && cause.cause];
  return {
    job, tries, cause, start, stem: stemOf(job.name),
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

const LAST_STOP = rows.reduce((most, { job }) => Math.max(most, job.stopped ?? 0), 0);

/** What the run did after its last job, where all have ended: [what, from, to], times in ms. */
function afterwards() {
  if (!LAST_STOP || rows.some(({ job }) => ["running", "waiting"].includes(job.outcome))) return [];
  const home = Math.max(LAST_STOP, summary.collected ?? 0);
  const rest = summary.results.files ? "results, clean-up" : "clean-up";
  const parts = [["collecting output", LAST_STOP, home], [rest, home, summary.ended]];
  return parts.filter(([, from, to]) => to - from >= SECOND);
}

// -- the order of the jobs

const arrayOf = (name) => name.replace(/\.\d+$/, "");
const byName = new Map(rows.map((row) => [row.job.name, row]));
const byArray = grouped(rows.filter(({ job }) => /\.\d+$/.test(job.name)), ({ job }) => arrayOf(job.name));

/** The jobs that a dependency names: one, or all of an array. */
const named = (name) => byName.has(name) ? [byName.get(name)] : byArray.get(name) ?? [];

const hasOrder = rows.some(({ job }) => job.depends_on.length);
const dependants = new Map(); // by the name in a dependency
for (const row of rows) for (const name of row.job.depends_on) {
  if (!dependants.has(name)) dependants.set(name, []);
  dependants.get(name).push(row);
}
const neededBy = ({ job }) =>
  [...new Set([job.name, arrayOf(job.name)].flatMap((name) => dependants.get(name) ?? []))];
