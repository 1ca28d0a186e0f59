// All jobs over time, on one canvas: how many run and wait, and below, a row for each job. Where there are more jobs
// than pixels, each row of pixels is several jobs, coloured by the shares of what they do; failures weigh more.

const GUTTER = 132, RIGHT = 8; // px
const RUNNING = { top: 4, height: 84 }, QUEUED = { top: 104, height: 44 }, AXIS = 158, ROWS = 182; // px from the top
const ROW = 20, MOST = 560; // px of a row at most, and of all rows
const LEGIBLE = 13, SINGLE = 2; // px that a row needs to have its name, and to be a row by itself
const WEIGHT = [1, 1, 1, 6, 3, 1]; // of each kind, in the colour of several
const CEILINGS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

const timeline = {
  canvas: document.querySelector("#timeline canvas"),

  /** Show the whole run. */
  reset() {
    this.show([BEGIN, END], [0, view.rows.length]);
  },

  /** Show this part: times in ms, and rows, both [from, to]. */
  show([from, to], [first, last]) {
    const whole = Math.max(END - BEGIN, 100), span = Math.min(Math.max(to - from, 100), whole);
    const many = Math.min(Math.max(Math.round(last - first), Math.floor(MOST / ROW)), view.rows.length);
    this.from = Math.max(BEGIN, Math.min(from, BEGIN + whole - span));
    this.to = this.from + span;
    this.first = Math.max(0, Math.min(Math.round(first), view.rows.length - many));
    this.last = this.first + many;
    this.draw();
  },

  /** Zoom by a factor, around a place: shares of the width and the height. */
  zoom(factor, x = 0.5, y = 0.5) {
    const around = (from, to, share) => {
      const place = from + share * (to - from);
      return [place - (place - from) / factor, place + (to - place) / factor];
    };
    this.show(around(this.from, this.to, x), around(this.first, this.last, y));
  },

  /** Move by shares of the width and the height. */
  pan(x, y) {
    const [dx, dy] = [x * (this.to - this.from), y * (this.last - this.first)];
    this.show([this.from + dx, this.to + dx], [this.first + dy, this.last + dy]);
  },

  x(time) {
    return GUTTER + (time - this.from) / (this.to - this.from) * this.width;
  },

  /** The rows [from, to] that fall on the pixel `y` of `height`. */
  rowsOf(y, height) {
    const each = (this.last - this.first) / height;
    const first = this.first + Math.floor(y * each);
    return [first, Math.min(Math.max(first + 1, this.first + Math.floor((y + 1) * each)), this.last)];
  },

  /** What is at this place of the canvas (px): a time, and rows [from, to] or null. */
  at(x, y) {
    const time = this.from + Math.min(Math.max(x - GUTTER, 0), this.width) / this.width * (this.to - this.from);
    const height = (this.last - this.first) * this.pitch;
    const inside = y >= ROWS && y < ROWS + height;
    return { time, rows: inside ? this.rowsOf(Math.floor(y - ROWS), height) : null };
  },

  draw() {
    const { canvas } = this;
    this.height = Math.min(Math.max(3, view.rows.length) * ROW, MOST);
    this.width = Math.max(canvas.parentElement.clientWidth - GUTTER - RIGHT, 100);
    this.pitch = Math.min(ROW, this.height / Math.max(1, this.last - this.first));
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round((this.width + GUTTER + RIGHT) * scale);
    canvas.height = Math.round((ROWS + this.height + 4) * scale);
    canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    this.pen = canvas.getContext("2d");
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    this.pen.textBaseline = "middle";
    this.colours = palette();
    this.drawAxis();
    this.drawCounts();
    if (this.pitch >= SINGLE) this.drawRows();
    else this.drawCells(scale);
    if (this.pitch >= LEGIBLE) this.drawNames();
    else this.drawNumbers();
    canvas.ariaLabel = `Timeline of ${plural(view.rows.length, "job")}, ${elapsed(END)} in all; shown are jobs `
      + `${counted(Math.min(this.first + 1, this.last))} to ${counted(this.last)}, from ${elapsed(this.from)} to ${elapsed(this.to)}`;
  },

  say(text, x, y, align, colour) {
    this.pen.textAlign = align;
    this.pen.fillStyle = colour;
    this.pen.fillText(text, x, y);
  },

  drawAxis() {
    const { pen, colours } = this;
    for (const time of ticks(this.from - BEGIN, this.to - BEGIN, this.width / 90)) {
      const x = Math.round(this.x(BEGIN + time)) + 0.5;
      pen.fillStyle = colours.line;
      pen.fillRect(x, RUNNING.top, 1, AXIS - RUNNING.top);
      pen.fillRect(x, ROWS, 1, this.height);
      const align = x < GUTTER + 20 ? "left" : x > GUTTER + this.width - 20 ? "right" : "center";
      this.say(time ? duration(time) : "0", x, AXIS + 10, align, colours.muted);
    }
    pen.fillStyle = colours.axis;
    pen.fillRect(GUTTER, AXIS, this.width, 1);
  },

  /** How many jobs run, start and wait at each pixel: the mean over its time. */
  drawCounts() {
    const columns = Math.round(this.width), perMs = columns / (this.to - this.from);
    const bins = KINDS.map(() => new Coverage(columns));
    for (const row of view.rows) for (const [kind, from, to] of row.spans) {
      bins[kind].add((from - this.from) * perMs, (to - this.from) * perMs);
    }
    const layers = (...kinds) => kinds.map((kind) => [bins[kind].sums(), this.colours[kind]]);
    this.drawStrip("Running", RUNNING, layers(SUCCEEDED, FAILED, STOPPED, LOST, OPEN, STARTING), columns);
    this.drawStrip("Waiting", QUEUED, layers(WAITING), columns);
  },

  drawStrip(title, { top, height }, layers, columns) {
    const { pen, colours } = this;
    const low = new Float64Array(columns), sum = new Float64Array(columns);
    for (const [counts] of layers) for (let x = 0; x < columns; x += 1) sum[x] += counts[x];
    const most = sum.reduce((a, b) => Math.max(a, b), 1);
    const ceiling = most <= 10 ? Math.ceil(most - 0.01) : nice(most * 0.999, CEILINGS);
    for (const [counts, colour] of layers) {
      pen.fillStyle = colour;
      pen.beginPath();
      for (let x = 0; x < columns; x += 1) if (counts[x]) {
        const from = low[x], to = low[x] += counts[x];
        pen.rect(GUTTER + x, top + height * (1 - to / ceiling), 1, height * (to - from) / ceiling);
      }
      pen.fill();
    }
    pen.fillStyle = colours.axis;
    pen.fillRect(GUTTER, top + height, this.width, 1);
    this.say(counted(ceiling), GUTTER - 8, top + 6, "right", colours.muted);
    this.say("0", GUTTER - 8, top + height - 4, "right", colours.muted);
    this.say(title, 0, top + 6, "left", colours.text);
  },

  drawRows() {
    const { pen, colours, pitch } = this;
    const gap = pitch >= 10 ? 1.5 : pitch >= 4 ? 0.5 : 0;
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, ROWS, this.width, this.height);
    pen.clip();
    for (let index = this.first; index < this.last; index += 1) {
      for (const [kind, from, to] of view.rows[index].spans) {
        const margin = kind === WAITING && pitch >= 10 ? pitch / 2 - 3 : gap; // who waits is a thin line
        const left = this.x(from), width = Math.max(this.x(to) - left, kind >= SUCCEEDED ? 1.5 : 0);
        const box = [left, ROWS + (index - this.first) * pitch + margin, width, pitch - 2 * margin];
        pen.fillStyle = colours[kind];
        pen.fillRect(...box);
        if ((kind === FAILED || kind === LOST) && pitch >= 6) this.hatch(...box);
      }
    }
    pen.restore();
  },

  hatch(left, top, width, height) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.beginPath();
    for (let x = Math.max(left, GUTTER) - height; x < Math.min(left + width, GUTTER + this.width); x += 5) {
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
      for (let index = first; index < last; index += 1) for (const [kind, from, to] of view.rows[index].spans) {
        const left = (from - this.from) * perMs;
        bins[kind].add(left, Math.max((to - this.from) * perMs, kind >= SUCCEEDED ? left + 1 : 0));
      }
      mix(bins, paints, last - first, image.data.subarray(4 * y * width, 4 * (y + 1) * width));
    }
    const layer = make("canvas", { width, height });
    layer.getContext("2d").putImageData(image, 0, 0);
    this.pen.drawImage(layer, GUTTER, ROWS, this.width, this.height); // over the lines of the axis, not in their place
  },

  drawNames() {
    for (let index = this.first; index < this.last; index += 1) {
      const { name, job } = view.rows[index];
      const text = this.fitted(`${GLYPH[job.outcome]} ${name}`, GUTTER - 10);
      const colour = job.outcome === "failed" ? this.colours[FAILED] : this.colours.muted;
      this.say(text, 0, ROWS + (index - this.first + 0.5) * this.pitch, "left", colour);
    }
    if (!view.rows.length) this.say("No job to show.", GUTTER + 8, ROWS + 14, "left", this.colours.muted);
  },

  drawNumbers() {
    const step = nice((this.last - this.first) / (this.height / 60));
    for (let index = Math.ceil(this.first / step) * step; index <= this.last; index += step) {
      const y = Math.min(Math.max((index - this.first) * this.pitch, 6), this.height - 5);
      this.say(counted(index || 1), GUTTER - 8, ROWS + y, "right", this.colours.muted);
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
