// All about one job.

const SHOWN_RESULTS = 200, SHOWN_JOBS = 40;

/** Links to the files of a job that has some. */
function outputs(row, words) {
  const links = document.createDocumentFragment();
  if (!hasOutput(row)) return links;
  links.append(outputLink(row, "out", words[0]), " ");
  const { place } = row.job;
  if (!place || place.err[0] < place.err[1]) links.append(outputLink(row, "err", words[1]));
  return links;
}

const hasOutput = ({ job }) => !["not run", "running", "waiting"].includes(job.outcome);

/** A link to the output of a job. Of a merged file, to its end there, which is the job's record; an .err has none. */
function outputLink({ job }, which, text) {
  const found = link(job[which], text);
  if (job.place && which === "out") found.href += `#:~:text=${fragment(`cluster-task id=${job.number},`)}`;
  return found;
}

/** Text for a text fragment, in which a hyphen has a meaning. */
const fragment = (text) => encodeURIComponent(text).replaceAll("-", "%2D");

/** Where a job's own output stands in merged files, in bytes, and how a shell prints it. */
function placeOf({ job }) {
  if (!job.place || !hasOutput({ job })) return [];
  const terms = [["out", "stdout"], ["err", "stderr"]].map(([which, word]) => {
    const [from, to] = job.place[which];
    if (from === to) return fact("", word, "nothing");
    const words = `tail -c +${from + 1} ${command([job[which]])} | head -c ${to - from}`;
    return make("div", {}, make("dt", {}, word), make("dd", {}, `bytes ${counted(from + 1)} to ${counted(to)}`,
      make("pre", { tabIndex: 0 }, line(words))));
  });
  return [make("h3", {}, "In the merged files"), make("dl", {}, ...terms)];
}

/** Links to the results of a job that are here. */
function results({ job }) {
  if (!job.results.length) return [];
  return [make("h3", {}, "Results"), listOf(job.results, SHOWN_RESULTS, (path) => link(path, line(path)))];
}

/** A list of the first of many. */
function listOf(all, most, show) {
  const items = all.slice(0, most).map((one) => make("li", {}, show(one)));
  if (all.length > most) items.push(make("li", {}, `and ${counted(all.length - most)} more`));
  return make("ul", {}, ...items);
}

/** Jobs, each as a link to all about it. */
function others(title, some) {
  if (!some.length) return [];
  const list = listOf(some, SHOWN_JOBS, (row) => {
    const found = opener(row);
    found.prepend(make("span", { className: `outcome ${row.job.outcome.replace(" ", "-")}` },
      make("span", { className: "glyph", ariaHidden: "true" }, GLYPH[row.job.outcome])));
    found.append(make("span", { className: "unseen" }, `, ${row.job.outcome}`));
    return found;
  });
  list.className = "jobs";
  return [make("h3", {}, title), list];
}

function lastLines({ job }) {
  if (!job.tail.length) return [];
  return [make("h3", {}, "End of the output"), make("pre", { tabIndex: 0 }, job.tail.map(visible).join("\n"))];
}

function consoleLink({ job }) {
  if (!summary.console || !job.aws_id) return [];
  const href = summary.console + encodeURIComponent(whole(job.aws_id)).replaceAll("%3A", ":"); // of a child of an array
  return [make("a", { href, target: "_blank", rel: "noopener" }, "AWS console")];
}

function showJob(row) {
  const { job, cause } = row, dialog = $("job");
  const close = make("button", { type: "button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const title = make("h2", { id: "job-title", tabIndex: -1 }, make("bdi", {}, row.name));
  const facts = [
    ["Number", job.number], ["AWS id", job.aws_id], ["Queue", job.queue], ["Status", job.status],
    ["Exit code", job.exit_code], ["Reason", job.reason], ["Submitted", moment(job.created)],
    ["Waited", duration(row.wait)], ["Ran", duration(row.run)], ["vCPUs", job.vcpus],
    ["Memory", job.memory === null ? null : `${counted(job.memory)} MiB`],
    ["Memory used", job.memory_used === null ? null
      : `at most ${counted(job.memory_used)} MiB${job.memory_of === "process" ? ", by its largest process" : ""}`],
    ["Cost", job.cost === null ? null : price(job.cost, summary.cost.currency)], ["Lines of output", job.lines],
  ].filter(([, value]) => value !== null && value !== "");
  dialog.replaceChildren(
    make("header", {}, title, close),
    badge(job.outcome),
    ...(cause ? [make("p", {}, make("code", {}, line(cause.cause))), make("p", {}, line(cause.advice))] : []),
    make("p", {}, outputs(row, ["stdout", job.place ? "stderr of all jobs" : "stderr"]), ...consoleLink(row)),
    make("h3", {}, "Command"), make("pre", { tabIndex: 0 }, visible(command(job.command))),
    ...lastLines(row),
    make("dl", {}, ...facts.map(([term, value]) =>
      make("div", {}, make("dt", {}, term), make("dd", {}, line(String(value)))))),
    ...(row.tries.length > 1 ? [attemptsTable(row.tries)] : []),
    ...others("Depends on", job.depends_on.flatMap(named)), ...others("Needed by", neededBy(row)),
    ...placeOf(row), ...results(row),
  );
  dialog.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  title.focus(); // and not a link below, nor what is gone
}

/** The name in an ARN, or the name that it is. */
const nameOf = (ref) => (ref ?? "").replace(/^.*\//, "");

function attemptsTable(tries) {
  const ran = ({ started, stopped }) => started === null || stopped === null ? "" : duration(stopped - started);
  const memory = ({ memory: asked }) => asked === null || asked === undefined ? "" : `${counted(asked)} MiB`;
  const tableOf = (tag, texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, text)));
  return make("table", {},
    make("thead", {}, tableOf("th", ["Attempt", "Start", "Ran", "Memory", "Queue", "Exit", "Reason"])),
    make("tbody", {}, ...tries.map((one, index) => tableOf("td",
      [index + 1, moment(one.started, TIME), ran(one), memory(one), line(nameOf(one.queue)), one.exit_code ?? "",
        line(one.reason ?? "")]))));
}
