// All jobs over time, on one canvas: how many run and wait, and below, a row for each job or group. Where there are
// more jobs than pixels, each row of pixels is several jobs, coloured by the shares of what they do; failures weigh most.

const RIGHT = 8; // px
const NOTES = 8, RUNNING = { top: 18, height: 84 }, QUEUED = { top: 118, height: 44 }; // px from the top
const AXIS = 172, ROWS = 196; // px from the top
const ROW = 20, STRIP = 30, MOST = 560; // px of a job's row at most, of a group's, and of all rows
const LEGIBLE = 13, SINGLE = 2; // px that a row needs to have its name, and to be a row by itself
const SHORTEST = SECOND; // of what is shown
const WEIGHT = [1, 1, 1, 6, 3, 1, 1]; // of each kind, in the colour of several
const AT_WORK = [SUCCEEDED, FAILED, STOPPED, LOST, OPEN, STARTING];
const CEILINGS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

const timeline = {
  canvas: document.querySelector("#timeline canvas"),

  /** Show the whole run. */
  reset() {
    this.show({ from: BEGIN, to: END, many: view.items.length });
  },

  /** Show a part: from one time to another (ms), and so many rows of those that do something then: what only waits
   * has none. The row at `place` in the view, or the next one, stands at this share of the height, moved by so many. */
  show({ from = this.from, to = this.to, many = this.many, place = 0, share = 0, move = 0 }) {
    const whole = Math.max(END - BEGIN, SHORTEST), span = Math.min(Math.max(to - from, SHORTEST), whole);
    this.from = Math.max(BEGIN, Math.min(from, BEGIN + whole - span));
    this.to = this.from + span;
    this.many = Math.min(Math.max(Math.round(many), Math.floor(MOST / ROW)), view.items.length);
    const found = this.busy();
    const shown = Math.min(this.many, found.length), at = found.findIndex((item) => item.place >= place);
    const top = (at < 0 ? found.length : at) - Math.round(share * shown) + Math.round(move);
    this.first = Math.max(0, Math.min(top, found.length - shown));
    this.items = found.slice(this.first, this.first + shown);
    this.draw();
  },

  /** A group was opened or closed: all rows, or as many from the group on as can be read. */
  unfolded() {
    const all = view.items.length, group = view.items.find((item) => item.jobs && item.stem === view.last);
    this.show(all * LEGIBLE <= MOST ? { many: all } : { many: 0, place: group?.place });
  },

  get isWhole() {
    return this.to - this.from >= END - BEGIN;
  },

  /** What has a row: what runs at the time that is shown, or is started; all, if nothing does. */
  busy() {
    if (this.isWhole) return view.items;
    const runs = ([kind, from, to]) => kind !== WAITING && from <= this.to && to >= this.from;
    const found = view.items.filter((item) => jobsOf(item).some((row) => row.spans.some(runs)));
    return found.length ? found : view.items;
  },

  /** Zoom by a factor, around a place: shares of the width and the height. */
  zoom(factor, x = 0.5, y = 0.5) {
    const time = this.from + x * (this.to - this.from), item = this.items[Math.floor(y * (this.items.length - 1))];
    this.show({
      from: time - (time - this.from) / factor, to: time + (this.to - time) / factor,
      many: this.items.length / factor, place: item?.place, share: y,
    });
  },

  /** Move by shares of the width and the height. */
  pan(x, y) {
    const step = x * (this.to - this.from);
    this.show({
      from: this.from + step, to: this.to + step, place: this.items[0]?.place, move: y * this.items.length,
    });
  },

  x(time) {
    return this.gutter + (time - this.from) / (this.to - this.from) * this.width;
  },

  /** The rows [from, to] that fall on the pixel `y` of `height`. */
  rowsOf(y, height) {
    const each = this.items.length / height, first = Math.floor(y * each);
    return [first, Math.min(Math.max(first + 1, Math.floor((y + 1) * each)), this.items.length)];
  },

  /** What is at this place of the canvas (px): a time, and rows [from, to] or null. */
  at(x, y) {
    const time = this.from + Math.min(Math.max(x - this.gutter, 0), this.width) / this.width * (this.to - this.from);
    const height = this.items.length * this.pitch;
    const inside = y >= ROWS && y < ROWS + height;
    return { time, rows: inside ? this.rowsOf(Math.floor(y - ROWS), height) : null };
  },

  draw() {
    const { canvas } = this;
    const hasGroups = view.items.some((item) => item.jobs);
    const row = hasGroups || this.items.length < view.items.length ? STRIP : ROW;
    const wide = canvas.parentElement.clientWidth;
    this.height = Math.min(Math.max(3, view.items.length) * (hasGroups ? STRIP : ROW), MOST);
    this.gutter = wide < 520 ? 84 : 132;
    this.width = Math.max(wide - this.gutter - RIGHT, 100);
    this.pitch = Math.min(row, this.height / Math.max(1, this.items.length));
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round((this.width + this.gutter + RIGHT) * scale);
    canvas.height = Math.round((ROWS + this.height + 4) * scale);
    canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    this.pen = canvas.getContext("2d");
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    this.pen.textBaseline = "middle";
    this.colours = palette();
    this.drawAxis();
    this.drawAfterwards();
    this.drawCounts();
    if (this.pitch >= SINGLE) this.drawRows();
    else this.drawCells(scale);
    if (this.pitch >= LEGIBLE) this.drawNames();
    else this.drawNumbers();
    const some = this.items.length < view.items.length ? `${counted(this.items.length)} of ` : "";
    const rows = `${some}${plural(view.items.length, "row")}`;
    canvas.ariaLabel = `Timeline of ${plural(view.rows.length, "job")}, ${elapsed(END)} in all; shown are ${rows}, `
      + `from ${elapsed(this.from)} to ${elapsed(this.to)}`;
  },

  say(text, x, y, align, colour) {
    this.pen.textAlign = align;
    this.pen.fillStyle = colour;
    this.pen.fillText(text, x, y);
  },

  drawAxis() {
    const { pen, colours } = this;
    let told = -Infinity; // where the last words end
    for (const [time, words] of ticks(this.from - BEGIN, this.to - BEGIN, Math.max(3, this.width / 90))) {
      const x = Math.round(this.x(BEGIN + time)) + 0.5;
      pen.fillStyle = colours.line;
      pen.fillRect(x, RUNNING.top, 1, AXIS - RUNNING.top);
      pen.fillRect(x, ROWS, 1, this.height);
      const wide = pen.measureText(words).width, right = this.gutter + this.width - wide;
      const left = Math.min(Math.max(x - wide / 2, this.gutter), right);
      if (left < told + 6) continue;
      told = left + wide;
      this.say(words, left, AXIS + 10, "left", colours.muted);
    }
    pen.fillStyle = colours.axis;
    pen.fillRect(this.gutter, AXIS, this.width, 1);
  },

  /** What the run does when its jobs have ended, so that nobody wonders what the time is for. */
  drawAfterwards() {
    const { pen, colours } = this, right = this.gutter + this.width;
    for (const [what, from, to] of afterwards()) {
      const left = Math.max(this.x(from), this.gutter), end = Math.min(this.x(to), right);
      if (end <= left) continue;
      pen.fillStyle = what === "collecting output" ? colours.line : colours.raised;
      pen.fillRect(left, RUNNING.top, Math.max(end - left, 1), AXIS - RUNNING.top);
      pen.fillRect(left, ROWS, Math.max(end - left, 1), this.height);
    }
    const words = afterwards().filter(([, from, to]) => from < this.to && to > this.from)
      .map(([what, from, to]) => `${what} ${duration(to - from)}`).join(", then ");
    if (words) this.say(this.fitted(words, this.width), right, NOTES, "right", colours.muted);
  },

  /** How many jobs run, start and wait at each pixel: the mean over its time. */
  drawCounts() {
    const columns = Math.round(this.width), layers = this.layersOf(view.rows, columns);
    this.drawStrip("Running", RUNNING, layers(...AT_WORK), columns);
    this.drawStrip("Waiting", QUEUED, layers(WAITING), columns);
  },

  /** A function that gives how many of some jobs do each of some things at each column, with the colours of these. */
  layersOf(some, columns) {
    const perMs = columns / (this.to - this.from), bins = KINDS.map(() => new Coverage(columns));
    for (const row of some) for (const [kind, from, to] of row.spans) {
      bins[kind].add((from - this.from) * perMs, (to - this.from) * perMs);
    }
    return (...kinds) => kinds.map((kind) => [bins[kind].sums(), this.colours[kind]]);
  },

  drawStrip(title, { top, height }, layers, columns) {
    const { pen, colours } = this;
    const ceiling = (sum) => sum <= 10 ? Math.ceil(sum - 0.01) : nice(sum * 0.999, CEILINGS);
    const most = this.area(layers, columns, top, height, ceiling);
    pen.fillStyle = colours.axis;
    pen.fillRect(this.gutter, top + height, this.width, 1);
    this.say(counted(most), this.gutter - 8, top + 6, "right", colours.muted);
    this.say("0", this.gutter - 8, top + height - 4, "right", colours.muted);
    this.say(title, 0, top + 6, "left", colours.text);
  },

  /** Draw numbers [for each column, colour] on top of each other. Gives what the height stands for. */
  area(layers, columns, top, height, ceiling) {
    const { pen } = this, low = new Float64Array(columns), sum = new Float64Array(columns);
    for (const [counts] of layers) for (let x = 0; x < columns; x += 1) sum[x] += counts[x];
    const most = ceiling(sum.reduce((a, b) => Math.max(a, b), 1));
    for (const [counts, colour] of layers) {
      pen.fillStyle = colour;
      pen.beginPath();
      for (let x = 0; x < columns; x += 1) if (counts[x]) {
        const from = low[x], to = low[x] += counts[x];
        pen.rect(this.gutter + x, top + height * (1 - to / most), 1, height * (to - from) / most);
      }
      pen.fill();
    }
    return most;
  },

  drawRows() {
    const { pen, colours, pitch } = this;
    const gap = pitch >= 10 ? 1.5 : pitch >= 4 ? 0.5 : 0;
    pen.save();
    pen.beginPath();
    pen.rect(this.gutter, ROWS, this.width, this.height);
    pen.clip();
    this.items.forEach((item, index) => {
      const top = ROWS + index * pitch;
      if (item.jobs) return this.drawGroup(item, top);
      for (const [kind, from, to] of item.spans) {
        const margin = kind === WAITING && pitch >= 10 ? pitch / 2 - 3 : gap; // who waits is a thin line
        const left = this.x(from), width = Math.max(this.x(to) - left, kind >= SUCCEEDED ? 1.5 : 0);
        const box = [left, top + margin, width, pitch - 2 * margin];
        pen.fillStyle = colours[kind];
        pen.fillRect(...box);
        if ((kind === FAILED || kind === LOST) && pitch >= 6) this.hatch(...box);
      }
    });
    pen.restore();
  },

  /** How many of a group run, as an area as high as its row. */
  drawGroup({ jobs }, top) {
    const { pen, colours, pitch } = this, columns = Math.round(this.width), low = top + pitch - 2;
    const layers = this.layersOf(jobs, columns);
    pen.fillStyle = colours[WAITING];
    for (const [counts] of layers(WAITING)) {
      for (let x = 0; x < columns; x += 1) if (counts[x] > 1e-6) pen.fillRect(this.gutter + x, low - 2, 1, 2);
    }
    this.area(layers(...AT_WORK), columns, top + 2, pitch - 4, (sum) => sum);
    pen.fillStyle = colours.line;
    pen.fillRect(this.gutter, low, this.width, 1);
  },

  hatch(left, top, width, height) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.beginPath();
    for (let x = Math.max(left, this.gutter) - height; x < Math.min(left + width, this.gutter + this.width); x += 5) {
      pen.moveTo(x, top + height);
      pen.lineTo(x + height, top);
    }
    pen.strokeStyle = this.colours.background;
    pen.stroke();
    pen.restore();
  },

  /** A pixel is the mean of the jobs and the time that fall on it. */
  drawCells(scale) {
    const width = Math.round(this.width * scale), height = Math.round(this.height * scale);
    const perMs = width / (this.to - this.from);
    const image = this.pen.createImageData(width, height);
    const paints = KINDS.map((_, kind) => channels(this.colours[kind]));
    const bins = KINDS.map(() => new Coverage(width));
    for (let y = 0; y < height; y += 1) {
      const [first, last] = this.rowsOf(y, height);
      for (const bin of bins) bin.clear();
      const some = this.items.slice(first, last).flatMap(jobsOf);
      for (const row of some) for (const [kind, from, to] of row.spans) {
        const left = (from - this.from) * perMs;
        bins[kind].add(left, Math.max((to - this.from) * perMs, kind >= SUCCEEDED ? left + 1 : 0));
      }
      mix(bins, paints, some.length, image.data.subarray(4 * y * width, 4 * (y + 1) * width));
    }
    const layer = make("canvas", { width, height });
    layer.getContext("2d").putImageData(image, 0, 0);
    this.pen.drawImage(layer, this.gutter, ROWS, this.width, this.height); // over the lines of the axis
  },

  drawNames() {
    this.items.forEach((item, index) => {
      const some = jobsOf(item), isBad = some.some((row) => row.job.outcome === "failed");
      const isOpen = view.grouped && view.open.has(item.stem);
      const words = item.jobs ? `${isOpen ? "▾" : "▸"} ${line(item.stem)} ×${counted(some.length)}`
        : `${isOpen ? "   " : ""}${GLYPH[item.job.outcome]} ${item.name}`;
      const y = ROWS + (index + 0.5) * this.pitch;
      this.say(this.fitted(words, this.gutter - 10), 0, y, "left", isBad ? this.colours[FAILED] : this.colours.muted);
    });
    if (!this.items.length) this.say("No job to show.", this.gutter + 8, ROWS + 14, "left", this.colours.muted);
  },

  drawNumbers() {
    const step = nice(this.items.length / (this.height / 60));
    for (let index = 0; index <= this.items.length; index += step) {
      const y = Math.min(Math.max(index * this.pitch, 6), this.height - 5);
      this.say(counted(index || 1), this.gutter - 8, ROWS + y, "right", this.colours.muted);
    }
    this.say("Jobs", 0, ROWS + 6, "left", this.colours.text);
  },

  /** Without its middle, if need be: names that are alike differ at their ends. */
  fitted(text, width) {
    const { pen } = this;
    const cut = (letters) =>
      `${text.slice(0, Math.ceil(0.6 * letters))}…${text.slice(text.length - Math.floor(0.4 * letters))}`;
    if (pen.measureText(text).width <= width) return text;
    let length = Math.min(text.length, 60);
    while (length > 1 && pen.measureText(cut(length)).width > width) length -= 1;
    return whole(cut(length));
  },
};

/** Pixels (red, green, blue, opacity) of what so many jobs do. */
function mix(bins, paints, jobs, pixels) {
  const kinds = [...bins.keys()].filter((kind) => bins[kind].used);
  const shares = bins.map((bin) => bin.sums());
  for (let x = 0, at = 0; at < pixels.length; x += 1, at += 4) {
    let weight = 0, red = 0, green = 0, blue = 0;
    for (const kind of kinds) {
      const heavy = shares[kind][x] * WEIGHT[kind], paint = paints[kind];
      if (heavy < 1e-6) continue; // what is left of sums and differences
      weight += heavy;
      red += heavy * paint[0];
      green += heavy * paint[1];
      blue += heavy * paint[2];
    }
    if (!weight) continue;
    pixels[at] = red / weight;
    pixels[at + 1] = green / weight;
    pixels[at + 2] = blue / weight;
    pixels[at + 3] = 255 * Math.min(1, weight / jobs);
  }
}
