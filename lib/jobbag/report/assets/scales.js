// From values to pixels.

/** The least round number that is not below. */
function nice(number, round = [1, 2, 5, 10]) {
  const power = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
  return round.map((step) => step * power).find((step) => step >= number);
}

const STEPS = [
  20, 50, 100, 200, 500, ...[SECOND, MINUTE].flatMap((unit) => [1, 2, 5, 10, 15, 30].map((part) => part * unit)),
  ...[1, 2, 3, 6, 12].map((h) => h * HOUR), ...[1, 2, 7, 14, 28].map((d) => d * DAY),
];

/** Round times between two, so many at most, each with its words: as exact as it takes to tell them apart. */
function ticks(from, to, many) {
  const step = STEPS.find((one) => (to - from) / one <= many) ?? 100 * DAY;
  const exact = step >= (to < 10 * SECOND ? 100 : to < HOUR ? SECOND : to < DAY ? MINUTE : HOUR);
  const found = [];
  for (let number = Math.ceil(from / step); number * step <= to; number += 1) {
    const time = number * step;
    found.push([time, !time ? "0" : exact ? duration(time) : clock(time, step)]);
  }
  return found;
}

/** Sums of many spans over columns; the part of a column that a span covers counts. */
class Coverage {
  constructor(columns) {
    this.columns = columns;
    this.parts = new Float64Array(columns + 1); // of single columns
    this.steps = new Float64Array(columns + 1); // the change from one whole column to the next
    this.total = new Float64Array(columns);
    this.used = false;
  }

  add(from, to) {
    const left = Math.max(from, 0), right = Math.min(to, this.columns);
    if (right <= left) return;
    this.used = true;
    const first = Math.floor(left), last = Math.floor(right);
    if (first === last) {
      this.parts[first] += right - left;
      return;
    }
    this.parts[first] += first + 1 - left;
    this.parts[last] += right - last;
    this.steps[first + 1] += 1;
    this.steps[last] -= 1;
  }

  sums() {
    let level = 0;
    if (this.used) for (let x = 0; x < this.columns; x += 1) {
      level += this.steps[x];
      this.total[x] = level + this.parts[x];
    }
    return this.total;
  }

  clear() {
    if (!this.used) return;
    for (const array of [this.parts, this.steps, this.total]) array.fill(0);
    this.used = false;
  }
}

/** The colours of the page as it is now: by their names, and those of what jobs do by its number. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const plain = ["background", "raised", "text", "muted", "line", "axis"].map((name) => [name, name]);
  const names = [...plain, ...KINDS.map(([name], kind) => [kind, name])];
  return Object.fromEntries(names.map(([key, name]) => [key, style.getPropertyValue(`--${name}`).trim()]));
}

/** Red, green and blue of #rrggbb. */
const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
