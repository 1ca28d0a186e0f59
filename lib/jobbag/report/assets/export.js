// The table as CSV: the jobs that are shown, in their order.

const stamp = (ms) => ms === null ? "" : new Date(ms).toISOString();
const seconds = (ms) => ms === null ? "" : ms / SECOND;

const FIELDS = [
  ...["number", "name", "aws_id", "outcome", "status", "exit_code", "reason"].map((name) => [name, ({ job }) => job[name]]),
  ["cause", ({ cause }) => cause && cause.cause],
  ...["created", "started", "stopped"].map((name) => [name, ({ job }) => stamp(job[name])]),
  ["wait_s", ({ wait }) => seconds(wait)], ["run_s", ({ run }) => seconds(run)], ["attempts", ({ tries }) => tries.length],
  ...["vcpus", "memory", "queue"].map((name) => [name, ({ job }) => job[name]]),
  ["command", ({ job }) => command(job.command)],
  ["depends_on", ({ job }) => job.depends_on.join(" ")],
  ...["out", "err", "lines"].map((name) => [name, ({ job }) => job[name]]),
];

/** A value for a CSV (RFC 4180). What a spreadsheet would take for a formula, it gets as text. */
function cell(value) {
  if (value === null || typeof value === "number") return value ?? "";
  const text = /^[\s\0]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csv = (some) => [FIELDS.map(([name]) => name), ...some.map((row) => FIELDS.map(([, value]) => cell(value(row) ?? null)))]
  .map((cells) => `${cells.join(",")}\r\n`).join("");

function prepareExport() {
  $("csv").addEventListener("click", () => {
    const href = URL.createObjectURL(new Blob([csv(view.rows)], { type: "text/csv;charset=utf-8" }));
    const name = summary.submit_files[0]?.split("/").pop().replace(/[^\w.-]/g, "_").replace(/\.\w+$/, "") || "bag";
    make("a", { href, download: `${name}-jobs.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(href), MINUTE);
  });
}
