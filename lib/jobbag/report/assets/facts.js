// What the summary says of the run as a whole: the headline, the figures, failures by cause, compute, files, calls.

function headline() {
  const { jobs, succeeded, failed, stopped, not_run: notRun } = summary.counts;
  const all = jobs === 1 ? "The job" : `All ${counted(jobs)} jobs`;
  const told = !jobs ? "No jobs, nothing to do"
    : failed === jobs ? `${all} failed`
    : failed ? `${counted(failed)} of ${plural(jobs, "job")} failed`
    : stopped ? `${counted(stopped)} of ${plural(jobs, "job")} ${stopped === 1 ? "was" : "were"} stopped`
    : succeeded === jobs ? `${all} succeeded`
    : notRun === jobs ? `None of ${plural(jobs, "job")} was run`
    : `${counted(succeeded)} of ${plural(jobs, "job")} succeeded, ${counted(notRun)} did not run`;
  if (summary.goes_on) {
    const ended = jobs - summary.counts.running - summary.counts.waiting;
    return `${counted(ended)} of ${plural(jobs, "job")} done${failed ? `, ${counted(failed)} failed` : ""}`;
  }
  if (summary.signal) return `Stopped by ${summary.signal}: ${told}`;
  return summary.complete ? told : `Not finished: ${told}`;
}

function showHeader() {
  const { counts, retried, vcpu_hours: vcpu, started, ended, region, exit_code: status } = summary;
  const bags = summary.submit_files.map(line).join(", ");
  const outcome = summary.goes_on ? "running"
    : status === 0 && summary.complete ? "succeeded"
    : counts.failed || status ? "failed" : "not run";
  $("headline").className = `outcome ${outcome.replace(" ", "-")}`;
  $("headline").append(make("span", { className: "glyph", ariaHidden: "true" }, GLYPH[outcome]), headline());
  document.title = `${headline()} · ${bags}`;
  const when = `${period(started, ended)} ${zone(started)}`, exit = summary.goes_on ? "" : `exit status ${status}`;
  $("origin").append([bags, line(region), when, exit].filter(Boolean).join(" · "));
  const others = [["stopped", "Stopped"], ["not_run", "Not run"], ["running", "Running"], ["waiting", "Waiting"]]
    .filter(([key]) => counts[key]);
  for (const key of ["succeeded", "failed", ...others.map(([other]) => other)]) {
    if (counts[key]) $("shares").append(part(key.replace("_", "-"), counts[key] / counts.jobs));
  }
  const outOfAll = (key, term) =>
    fact(`counts.${key}`, term, counted(counts[key]), percent(counts[key] / (counts.jobs || 1)));
  $("figures").append(
    fact("counts.jobs", "Jobs", counted(counts.jobs), `at most ${counted(peak())} at a time`),
    outOfAll("succeeded", "Succeeded"), outOfAll("failed", "Failed"), ...others.map((pair) => outOfAll(...pair)),
    fact("elapsed", "Elapsed", duration(Math.max(0, ended - started)), afterwards().slice(0, 1)
      .map(([what, from, to]) => `${duration(to - from)} of it ${what}`).join("")),
    fact("vcpu_hours.asked", "vCPU-hours", hours(vcpu.asked), `${hours(vcpu.wasted)} wasted`),
    fact("retried.attempts", "Started again", counted(retried.attempts),
      retried.spot ? `${plural(retried.spot, "machine")} lost` : ""),
  );
}

/** A part of a bar, as wide as its share. */
function part(name, share) {
  const element = make("span", { className: name });
  element.style.flexGrow = share;
  return element;
}

function showLines(what) {
  $(what).hidden = !summary[what].length;
  $(what).querySelector("ul").append(...summary[what].map((text) => make("li", {}, line(text))));
}

function showCauses() {
  const { causes } = summary;
  const most = Math.max(...causes.map((cause) => cause.count));
  $("causes").hidden = !causes.length;
  $("causes").querySelector("tbody").append(...causes.map((cause, index) => {
    const bar = make("span", { className: "measure", ariaHidden: "true" });
    bar.style.width = `${100 * cause.count / most}%`;
    const count = make("span", { data: { value: `causes.${index}.count` } }, counted(cause.count));
    const show = make("button", { type: "button", className: "link" }, "Show these jobs");
    show.addEventListener("click", () => {
      view.change({ text: "", outcome: null, cause: index, node: null });
      $("timeline-title").scrollIntoView();
    });
    return make("tr", {}, make("td", { className: "number" }, count, bar), make("td", {},
      make("code", {}, line(cause.cause)), make("p", {}, line(cause.advice), " · ", show), example(cause.example)));
  }));
}

function example({ job, err, tail }) {
  const head = ["Example: ", make("bdi", {}, line(job)), ", ", link(err, "stderr")];
  if (!tail.length) return make("p", { className: "example" }, ...head);
  return make("details", { className: "example" },
    make("summary", {}, ...head), make("pre", { tabIndex: 0 }, tail.map(visible).join("\n")));
}

function showResources() {
  const { vcpu_hours: vcpu, retried, sent_again: again, uploads, jobstate_log: states, log_file: log } = summary;
  const wasted = vcpu.asked ? vcpu.wasted / vcpu.asked : 0;
  if (wasted < 1 && vcpu.asked) $("hours").append(part("succeeded", 1 - wasted));
  if (wasted) $("hours").append(part("failed", wasted));
  $("compute").append(
    fact("compute.asked", "vCPU-hours asked for", hours(vcpu.asked)),
    fact("vcpu_hours.wasted", `of which wasted${wasted ? ` (${percent(wasted)})` : ""}`, hours(vcpu.wasted)),
    fact("retried.jobs", "Jobs that AWS Batch started again", counted(retried.jobs)),
    fact("compute.attempts", "How often, in all", counted(retried.attempts)),
    fact("retried.spot", "Attempts that lost their machine", counted(retried.spot)),
    fact("retried.starts", "Attempts that could not be started or looked after", counted(retried.starts)),
    ...(again.jobs ? [
      fact("sent_again.jobs", "Jobs sent again", counted(again.jobs)),
      fact("sent_again.memory", "Sent again with more memory", counted(again.memory)),
      fact("sent_again.machine", "Sent again after a machine was lost", counted(again.machine)),
    ] : []),
    ...(summary.cost ? [fact("cost.total", "Cost", price(summary.cost.total, summary.cost.currency))] : []),
    ...Object.entries(summary.cost?.wasted ?? {}).map(([lost, cost]) =>
      fact(`cost.wasted.${lost}`, `of which wasted by ${line(lost)}`, price(cost, summary.cost.currency))),
    ...summary.memory.map((group, index) => fact(`memory.${index}`, `Memory of ${plural(group.jobs, "job")} of ${
      line(group.executable)}`, `${counted(group.used)} of ${counted(group.asked)} MiB used at most${
      group.of === "process" ? ", by a process" : ""}`, `${counted(group.enough)} MiB would do`)),
  );
  $("files").append(
    fact("uploads.files", "Sent to S3", `${plural(uploads.files, "file")}, ${bytes(uploads.bytes)}`),
    fact("uploads.unchanged", "In S3 already", plural(uploads.unchanged, "file")),
    fact("outputs", "Output of the jobs", line(summary.outputs)),
    ...(summary.results.files ? [fact("results", "Results of the jobs", link(summary.results.directory,
      `${plural(summary.results.files, "file")}, ${bytes(summary.results.bytes)}`))] : []),
    fact("jobstate_log", "Changes of state", link(states, line(states))),
  );
  if (log) $("files").append(fact("log_file", "Log of the run", link(log, line(log))));
  $("calls").tBodies[0].append(...Object.entries(summary.calls).map(callsRow));
  const state = summary.goes_on ? "the run goes on" : summary.complete ? "the run is over, this page is final"
    : "the run is not finished: the same command goes on";
  $("made").append(`pegasus-aws-batch ${summary.version} · run ${line(summary.run)} · ${state}`);
}

function callsRow([operation, of]) {
  const cells = ["calls", "throttled", "failed"].map((key) =>
    make("td", { className: "number", data: { value: `calls.${operation}.${key}` } }, counted(of[key])));
  return make("tr", {}, make("th", { scope: "row" }, line(operation)), ...cells);
}
