// The table as CSV: the jobs that are shown, in their order.

const stamp = (ms) => ms === null ? "" : new Date(ms).toISOString();
const seconds = (ms) => ms === null ? "" : ms / SECOND;
const own = (...names) => names.map((name) => [name, ({ job }) => job[name]]);

const FIELDS = [ // name, value of a row
  ...own("number", "name", "aws_id", "outcome", "status", "exit_code", "reason"),
  ["cause", ({ cause }) => cause && cause.cause],
  ...["created", "started", "stopped"].map((name) => [name, ({ job }) => stamp(job[name])]),
  ["wait_s", ({ wait }) => seconds(wait)], ["run_s", ({ run }) => seconds(run)],
  ["attempts", ({ tries }) => tries.length],
  ...own("vcpus", "memory", "memory_used", "cost", "queue"),
  ["command", ({ job }) => command(job.command)],
  ["depends_on", ({ job }) => job.depends_on.join(" ")],
  ...own("out", "err", "lines"),
];

/** A value for a CSV (RFC 4180). What a spreadsheet would take for a formula, it gets as text. */
function cell(value) {
  if (value === null || typeof value === "number") return value ?? "";
  const text = /^[\s\0]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(some) {
  const cells = some.map((row) => FIELDS.map(([, value]) => cell(value(row) ?? null)));
  return [FIELDS.map(([name]) => name), ...cells].map((texts) => `${texts.join(",")}\r\n`).join("");
}

function prepareExport() {
  $("csv").addEventListener("click", () => {
    const href = URL.createObjectURL(new Blob([csv(view.rows)], { type: "text/csv;charset=utf-8" }));
    const name = summary.submit_files[0]?.split("/").pop().replace(/[^\w.-]/g, "_").replace(/\.\w+$/, "") || "bag";
    make("a", { href, download: `${name}-jobs.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(href), MINUTE);
  });
}
