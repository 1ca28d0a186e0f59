// How queue waits and run times are distributed.

const BARS = 40, HIGH = 120; // bars at most, px of the largest

const RISING = [ // edges of bars, each some 1.4 times the one before
  ...[100, 150, 200, 300, 400, 500, 700],
  ...[SECOND, MINUTE].flatMap((unit) => [1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45].map((part) => part * unit)),
  ...[1, 1.5, 2, 3, 4, 5, 7, 10, 15].map((h) => h * HOUR),
  ...[1, 1.5, 2, 3, 4, 5, 7, 10, 14, 21, 30].map((d) => d * DAY),
];

function showHistograms() {
  showHistogram($("waits"), "Queue wait", "up to the first start", (row) => row.wait);
  showHistogram($("runs"), "Run time", "of the last attempt", (row) => row.run);
}

function showHistogram(figure, title, note, value) {
  const lengths = Float64Array.from(view.rows.map(value).filter((one) => one !== null)).sort();
  const caption = make("figcaption", {}, make("h3", {}, title), make("span", { className: "muted small" }, note));
  if (!lengths.length) return figure.replaceChildren(caption, make("p", { className: "muted" }, "No job to show."));
  const at = (share) => duration(lengths[Math.min(lengths.length - 1, Math.floor(share * lengths.length))]);
  const facts = [["Median", at(0.5)], ["95 %", at(0.95)], ["Longest", at(1)]];
  const label = `${title} of ${plural(lengths.length, "job")}: ${facts.map((pair) => pair.join(" ")).join(", ")}`;
  return figure.replaceChildren(caption,
    make("dl", {}, ...facts.map(([term, told]) => make("div", {}, make("dt", {}, term), make("dd", {}, told)))),
    chart(Math.max(figure.clientWidth, 200), edges(lengths), value, label));
}

/** Round edges of the bars; in equal steps, or, where a few values are far off, in rising ones. */
function edges(lengths) {
  const least = lengths[0], most = lengths[lengths.length - 1], median = lengths[lengths.length >> 1];
  if (most > 30 * median) {
    const from = RISING.findLastIndex((edge) => edge <= least), to = RISING.findIndex((edge) => edge > most);
    return [...(from < 0 ? [0] : []), ...RISING.slice(Math.max(0, from), to < 0 ? RISING.length : to + 1)];
  }
  const step = STEPS.find((one) => most / one < BARS) ?? Math.ceil(most / BARS / DAY) * DAY;
  return Array.from({ length: Math.floor(most / step) + 2 }, (_, bar) => bar * step);
}

function chart(wide, marks, value, label) {
  const bars = marks.slice(1).map((to, bar) => ({ from: marks[bar], to, good: 0, bad: 0 }));
  for (const row of view.rows) {
    const length = value(row);
    if (length === null) continue;
    const bar = bars.find(({ to }) => length < to) ?? bars[bars.length - 1];
    if (row.job.outcome === "succeeded") bar.good += 1;
    else bar.bad += 1;
  }
  const most = Math.max(...bars.map(({ good, bad }) => good + bad)), each = wide / bars.length;
  const svg = shape("svg", { viewBox: `0 -16 ${wide} ${HIGH + 34}`, role: "img", "aria-label": label });
  svg.append(...bars.map((bar, index) => column(bar, index * each, Math.max(each - 1, 1), HIGH / most)),
    shape("line", { x1: 0, x2: wide, y1: HIGH, y2: HIGH }), shape("text", { x: 0, y: -5 }, plural(most, "job")));
  const last = marks[marks.length - 1], equal = marks[0] === 0 && last === (marks.length - 1) * marks[1];
  const sparse = Math.ceil(marks.length / (wide / 70));
  const told = equal ? ticks(0, last, wide / 130) : marks.filter((_, index) => index % sparse === 0);
  marks.forEach((mark, index) => {
    if (!told.includes(mark)) return;
    const anchor = index === 0 ? "start" : index === bars.length ? "end" : "middle";
    svg.append(shape("text", { x: index * each, y: HIGH + 14, "text-anchor": anchor }, mark ? duration(mark) : "0"));
  });
  return svg;
}

function column({ from, to, good, bad }, x, width, scale) {
  const box = (name, low, high) =>
    shape("rect", { class: name, x, width, y: HIGH - high * scale, height: (high - low) * scale });
  const failed = bad ? `, ${counted(bad)} of them not successful` : "";
  const words = shape("title", {}, `${duration(from)} to ${duration(to)}: ${plural(good + bad, "job")}${failed}`);
  const target = shape("rect", { class: "target", x, width, y: 0, height: HIGH });
  return shape("g", {}, words, target, box("succeeded", 0, good), box("failed", good, good + bad));
}

function shape(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
