// The timeline under the hand: what is below the pointer, zoom and pan.

/** What the colours mean that there are. */
function showLegend() {
  const found = new Set(rows.flatMap((row) => row.spans.map(([kind]) => kind)));
  const kinds = [SUCCEEDED, FAILED, STOPPED, LOST, OPEN, STARTING, WAITING].filter((kind) => found.has(kind));
  $("legend").append(...kinds.map((kind) => {
    const [name, words] = KINDS[kind];
    return make("li", {}, make("span", { className: `swatch ${name}` }), words);
  }));
}

function handleTimeline() {
  const { canvas } = timeline;
  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (place(event)[0] < timeline.gutter) return choose(...place(event));
    start = place(event);
    canvas.setPointerCapture(event.pointerId);
    hideHint();
  });
  canvas.addEventListener("pointermove", (event) => start ? frameBox(start, place(event)) : showHint(...place(event)));
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [from, to] = [start, place(event)];
    start = null;
    $("box").hidden = true;
    if (Math.abs(to[0] - from[0]) > 4) zoomTo(from, to);
    else choose(...to);
  });
  canvas.addEventListener("pointercancel", () => { start = null; $("box").hidden = true; });
  canvas.addEventListener("pointerleave", hideHint);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    timeline.zoom(event.deltaY < 0 ? 1.25 : 0.8, ...share(...place(event)));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  $("zoom-in").addEventListener("click", () => timeline.zoom(2));
  $("zoom-out").addEventListener("click", () => timeline.zoom(0.5));
  $("zoom-all").addEventListener("click", () => timeline.reset());
}

const KEYS = {
  "+": () => timeline.zoom(1.5), "=": () => timeline.zoom(1.5), "-": () => timeline.zoom(1 / 1.5),
  ArrowLeft: () => timeline.pan(-0.2, 0), ArrowRight: () => timeline.pan(0.2, 0),
  ArrowUp: () => timeline.pan(0, -0.2), ArrowDown: () => timeline.pan(0, 0.2),
  0: () => timeline.reset(),
};

/** A place of the canvas as shares of the width and the height of the rows. */
const share = (x, y) =>
  [(x - timeline.gutter) / timeline.width, (y - ROWS) / timeline.height].map((part) => Math.min(Math.max(part, 0), 1));

const ordered = (a, b) => a < b ? [a, b] : [b, a];
const TALLER = 8; // px that a box is, or it is one of time alone

/** Show what is in the box between two places. */
function zoomTo(from, to) {
  const [left, right] = ordered(from[0], to[0]), [upper, lower] = ordered(from[1], to[1]);
  const above = timeline.at(left, upper), below = timeline.at(right, lower);
  const times = { from: above.time, to: below.time, place: timeline.items[0]?.place };
  if (lower - upper <= TALLER || !(above.rows || below.rows)) return timeline.show(times);
  const [first, last] = [above.rows?.[0] ?? 0, below.rows?.[1] ?? timeline.items.length];
  return timeline.show({ ...times, many: last - first, place: timeline.items[first].place });
}

function frameBox(from, to) {
  const [left, right] = ordered(from[0], to[0]), [upper, lower] = ordered(from[1], to[1]);
  const [top, bottom] = upper >= ROWS && lower - upper > TALLER ? [upper, lower] : [0, ROWS + timeline.height];
  $("box").hidden = false;
  Object.assign($("box").style,
    { left: `${left}px`, width: `${right - left}px`, top: `${top}px`, height: `${bottom - top}px` });
}

/** All about the job at a place; of a group, its jobs; of several, a closer look. */
function choose(x, y) {
  const { rows: found } = timeline.at(x, y);
  if (!found) return;
  const item = timeline.items[found[0]];
  if (found[1] - found[0] > 1) timeline.zoom(6, ...share(x, y));
  else if (item.jobs) view.toggle(item.stem);
  else showJob(item);
}

function hideHint() {
  $("cursor").hidden = $("hint").hidden = true;
}

function showHint(x, y) {
  const { time, rows: found } = timeline.at(x, y);
  const inside = x >= timeline.gutter && x <= timeline.gutter + timeline.width;
  const hint = $("hint"), width = timeline.canvas.clientWidth, height = timeline.canvas.clientHeight;
  $("cursor").hidden = !inside;
  Object.assign($("cursor").style, { left: `${x}px`, height: `${ROWS + timeline.height}px` });
  hint.hidden = !inside && !found;
  if (hint.hidden) return;
  const some = found ? timeline.items.slice(...found).flatMap(jobsOf) : view.rows;
  const when = `${elapsed(time)} after the start`;
  hint.replaceChildren(...(some.length === 1 ? tellOne(some[0], when) : tellMany(some, when, time, found !== null)));
  const leftward = x > 0.6 * width; // of the pointer, where there is more room
  Object.assign(hint.style, {
    left: leftward ? "" : `${x + 14}px`, right: leftward ? `${width - x + 14}px` : "",
    top: `${Math.min(y + 14, height - hint.offsetHeight)}px`,
  });
}

function tellOne(row, when) {
  const ran = row.run !== null ? `ran ${duration(row.run)}`
    : row.job.outcome === "running" ? "runs" : "its end was not seen";
  return [make("b", {}, row.name), badge(row.job.outcome),
    make("div", {}, row.start === null ? "did not start" : `waited ${duration(row.wait)}, ${ran}`),
    ...(row.tries.length > 1 ? [make("div", {}, `${row.tries.length} attempts`)] : []),
    ...(row.why ? [make("div", {}, row.why)] : []), make("div", { className: "muted" }, when)];
}

function tellMany(some, when, time, named) {
  const outcomes = outcomesOf(some).map(([outcome, number]) => `${counted(number)} ${outcome}`);
  return [make("b", {}, plural(some.length, "job")),
    ...(named ? [make("div", {}, `${some[0].name} … ${some[some.length - 1].name}`)] : []),
    make("div", {}, outcomes.join(", ")), make("div", { className: "muted" }, `${when}: ${doing(some, time)}`)];
}

/** What so many do at a time. */
function doing(some, time) {
  const counts = KINDS.map(() => 0);
  for (const row of some) for (const [kind, from, to] of row.spans) if (from <= time && time < to) counts[kind] += 1;
  const running = counts[SUCCEEDED] + counts[FAILED] + counts[STOPPED] + counts[LOST] + counts[OPEN];
  return `${counted(running)} running, ${counted(counts[STARTING])} starting, ${counted(counts[WAITING])} waiting`;
}
