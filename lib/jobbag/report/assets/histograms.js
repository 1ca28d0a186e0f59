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
  const most = lengths[lengths.length - 1], least = exactness(most);
  if (most < least) { // no chart for a single bar at zero
    const words = `All of ${plural(lengths.length, "job")}: less than ${duration(least)}`;
    return figure.replaceChildren(caption, make("p", { className: "muted" }, words));
  }
  return figure.replaceChildren(caption,
    make("dl", {}, ...facts.map(([term, told]) => make("div", {}, make("dt", {}, term), make("dd", {}, told)))),
    chart(Math.max(figure.clientWidth, 200), edges(lengths), value, label));
}

const FEWEST = 9; // places for bars

/** How exactly a length of time is told (ms). */
const exactness = (ms) => ms < 10 * SECOND ? 100 : ms < HOUR ? SECOND : ms < DAY ? MINUTE : HOUR;

/** Round edges of the bars; in equal steps, or, where a few values are far off, in rising ones. */
function edges(lengths) {
  const least = lengths[0], most = lengths[lengths.length - 1], median = lengths[lengths.length >> 1];
  if (most > 30 * median && most - least >= SECOND) {
    const from = RISING.findLastIndex((edge) => edge <= least), to = RISING.findIndex((edge) => edge > most);
    return [...(from < 0 ? [0] : []), ...RISING.slice(Math.max(0, from), to < 0 ? RISING.length : to + 1)];
  }
  const isFar = least > most - least; // from zero: most of the chart would be empty
  const span = isFar ? most - least : most, exact = exactness(most);
  const step = STEPS.find((one) => one >= exact && span / one < BARS) ?? Math.ceil(span / BARS / DAY) * DAY;
  let first = isFar ? Math.floor(least / step) : 0, last = Math.floor(most / step) + 1;
  const missing = FEWEST - (last - first); // what is alike stands in the middle, with empty places around it
  if (isFar && missing > 0) [first, last] = [Math.max(0, first - (missing >> 1)), last + (missing + 1 >> 1)];
  return Array.from({ length: Math.max(last - first, FEWEST) + 1 }, (_, bar) => (first + bar) * step);
}

function chart(wide, marks, value, label) {
  const bars = marks.slice(1).map((to, bar) => ({ from: marks[bar], to, good: 0, bad: 0 }));
  for (const row of view.rows) {
    const length = value(row);
    if (length === null) continue;
    const bar = bars.find(({ to }) => length < to) ?? bars[bars.length - 1];
    if (["succeeded", "running"].includes(row.job.outcome)) bar.good += 1;
    else bar.bad += 1;
  }
  const most = Math.max(...bars.map(({ good, bad }) => good + bad)), each = wide / bars.length;
  const svg = shape("svg", { viewBox: `0 -16 ${wide} ${HIGH + 34}`, role: "img", "aria-label": label });
  svg.append(...bars.map((bar, index) => column(bar, index * each, Math.max(each - 1, 1), HIGH / most)),
    shape("line", { x1: 0, x2: wide, y1: HIGH, y2: HIGH }), shape("text", { x: 0, y: -5 }, plural(most, "job")));
  const first = marks[0], last = marks[marks.length - 1], step = marks[1] - first;
  const isEqual = marks.every((mark, index) => mark === first + index * step);
  const sparse = Math.ceil(marks.length / (wide / 70));
  const told = isEqual ? ticks(first, last, Math.max(2, wide / 110))
    : marks.filter((_, index) => index % sparse === 0).map((mark) => [mark, mark ? duration(mark) : "0"]);
  for (const [mark, words] of told) {
    const x = isEqual ? (mark - first) / (last - first) * wide : marks.indexOf(mark) * each;
    const anchor = x < 20 ? "start" : x > wide - 20 ? "end" : "middle";
    svg.append(shape("text", { x, y: HIGH + 14, "text-anchor": anchor }, words));
  }
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
