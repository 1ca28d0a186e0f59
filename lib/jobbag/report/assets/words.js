// Values as people read them, and elements of the page.

const GLYPH = { succeeded: "✓", failed: "✕", stopped: "■", "not run": "–", running: "▸", waiting: "○" };
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

const counted = (number) => number.toLocaleString("en");
const plural = (number, noun) => `${counted(number)} ${noun}${number === 1 ? "" : "s"}`;
const hours = (number) => number.toLocaleString("en", { maximumSignificantDigits: number < 1000 ? 3 : 5 });

/** An amount of money; the currency is not always known. */
const price = (amount, currency) => [
  amount && amount < 0.1 ? amount.toLocaleString("en", { maximumSignificantDigits: 2 })
    : amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
  currency].filter(Boolean).join(" ");

/** A share; the few of many are not told as none, nor the most as all. */
const percent = (share) =>
  `${share > 0 && share < 1 ? Math.min(Math.max(0.1, 100 * share), 99.9).toFixed(1) : 100 * share} %`;

/** A length of time (ms, or null) in its two largest units. */
function duration(ms) {
  if (ms === null) return "";
  if (ms < 10 * SECOND - 50) return `${(ms / SECOND).toFixed(1)} s`;
  const s = Math.round(ms / SECOND), min = Math.round(s / 60), h = Math.round(min / 60);
  if (s < 60) return `${s} s`;
  if (s < 3600) return inUnits(s, 60, "min", "s");
  return min < 1440 ? inUnits(min, 60, "h", "min") : inUnits(h, 24, "d", "h");
}

function inUnits(number, each, large, small) {
  const rest = number % each;
  return `${Math.floor(number / each)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

/** A time since the start, as exact as the steps of an axis are: 2:03:15, or 3:15.25. */
function clock(ms, step) {
  const s = Math.floor(ms / SECOND), min = Math.floor(s / 60), two = (number) => String(number).padStart(2, "0");
  const hour = min >= 60 ? `${Math.floor(min / 60)}:${two(min % 60)}` : String(min);
  const parts = step < SECOND ? (ms / SECOND % 1).toFixed(step < 100 ? 2 : 1).slice(1) : "";
  return `${hour}:${two(s % 60)}${parts}`;
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const ZONE = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
const moment = (ms, format = DATE) => ms === null ? "" : format.format(ms);
const period = (from, to) => DATE.formatRange(from, Math.max(from, to));
const zone = (ms) => ZONE.formatToParts(ms).find((part) => part.type === "timeZoneName").value;

function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = number < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(number) / 3));
  return power ? `${(number / 1000 ** power).toPrecision(3)} ${units[power]}` : plural(number, "byte");
}

/** Without the halves of surrogate pairs, which are no text. */
const whole = (text) =>
  text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");

/** Text from jobs: what cannot be seen, or would turn the rest around, is made visible. */
function visible(text) {
  const code = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return whole(text)
    .replace(/[\0-\x08\x0b-\x1f]/g, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)))
    .replace(/[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, code);
}

/** The same, on one line. */
const line = (text) => visible(text).replaceAll("\n", "␊").replaceAll("\t", "␉");

/** A command as a shell takes it. */
const command = (words) =>
  words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ");

/** The address of a file of the run, relative to the page; never anything but a file. */
function address(path) {
  const from = path.startsWith("/") ? "" : $("summary").dataset.base;
  return from + whole(path).split("/").map(encodeURIComponent).join("/");
}

/** Values by a key of each, in their order. */
function grouped(values, key) {
  const found = new Map();
  for (const value of values) {
    const one = key(value);
    if (found.has(one)) found.get(one).push(value);
    else found.set(one, [value]);
  }
  return found;
}

const $ = (id) => document.getElementById(id);

/** An element with these properties (`data`: an object) and children. */
function make(tag, properties = {}, ...children) {
  const { data, ...others } = properties;
  const element = Object.assign(document.createElement(tag), others);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

const link = (path, text) =>
  make("a", { href: address(path), target: "_blank", rel: "noopener", title: line(path) }, text);

const badge = (outcome) => make("span", { className: `outcome ${outcome.replace(" ", "-")}` },
  make("span", { className: "glyph", ariaHidden: "true" }, GLYPH[outcome]), outcome);

/** A term of a list of facts, with its value; `key` is the name of the fact. */
const fact = (key, term, value, note = "") => make("div", {},
  make("dt", {}, term), make("dd", { data: { value: key } }, value), make("dd", { className: "muted small" }, note));
