// The order of the jobs as a drawing: from left to right, what comes first, and what needs it.

const BOX = { width: 168, height: 46 }, GAP = { x: 64, y: 14 }, EDGE = 6; // px

function showOrder() {
  $("order-of-jobs").hidden = !hasOrder;
  if (!hasOrder) return;
  const { nodes, edges, alone } = foldedOrder();
  const columns = [...grouped(nodes, (node) => node.column)].sort(([a], [b]) => a - b).map(([, some]) => some);
  const before = grouped(edges, ([, to]) => to);
  const tallest = Math.max(...columns.map((some) => some.length)) * (BOX.height + GAP.y) - GAP.y;
  for (const some of columns) {
    const middle = (node) => {
      const places = (before.get(node) ?? []).map(([from]) => from.y).filter((y) => y !== undefined);
      return places.length ? places.reduce((a, b) => a + b, 0) / places.length : 0;
    };
    const placed = some.map((node) => [middle(node), node]).sort(([a], [b]) => a - b);
    const top = (tallest - some.length * (BOX.height + GAP.y) + GAP.y) / 2;
    placed.forEach(([, node], index) => {
      node.x = EDGE + node.column * (BOX.width + GAP.x);
      node.y = EDGE + top + index * (BOX.height + GAP.y);
    });
  }
  const width = columns.length * (BOX.width + GAP.x) - GAP.x + 2 * EDGE;
  const height = tallest + 2 * EDGE + GAP.y;
  const svg = shape("svg", { width, height, "aria-hidden": "true" }, ...edges.map(edge));
  const drawing = $("order-drawing");
  const boxes = nodes.map((node) => make("li", {}, box(node, before.get(node) ?? [])));
  drawing.replaceChildren(svg, make("ul", {}, ...boxes));
  drawing.style.height = `${height}px`;
  drawing.style.width = `${width}px`;
  const isFolded = nodes.length < rows.length - alone;
  const told = isFolded ? "Jobs that are alike stand together; a click shows only these."
    : "A click on a job tells all of it.";
  $("order-note").textContent = alone ? `${told} Without an order: ${plural(alone, "job")}.` : told;
}

function edge([from, to, number]) {
  const words = shape("title", {}, `${from.label} → ${to.label}: ${plural(number, "job")}`);
  const left = from.x + BOX.width, right = to.x, [y, end] = [from, to].map((node) => node.y + BOX.height / 2);
  if (from === to) return shape("g", {}); // the box says so
  const back = from.column >= to.column, low = Math.max(from.y, to.y) + BOX.height + GAP.y;
  const [x, x2] = [from, to].map((node) => node.x + BOX.width / 2);
  const d = back ? `M${x} ${from.y + BOX.height}C${x} ${low} ${x2} ${low} ${x2} ${to.y + BOX.height}`
    : `M${left} ${y}C${left + GAP.x / 2} ${y} ${right - GAP.x / 2} ${end} ${right} ${end}`;
  return shape("g", {}, words, shape("path", { d, class: back ? "back" : "" }));
}

function box(node, incoming) {
  const found = outcomesOf(node.rows), [only] = node.rows;
  const one = node.rows.length === 1;
  const many = `${plural(node.rows.length, "job")}${node.deep > 1 ? `, ${counted(node.deep)} in a row` : ""}`;
  const words = found.map(([outcome, number]) => `${counted(number)} ${outcome}`).join(", ");
  const after = incoming.filter(([from]) => from !== node).map(([from]) => from.label);
  const shares = make("span", { className: "shares", ariaHidden: "true" }, ...[...found].reverse()
    .map(([outcome, number]) => part(outcome.replace(" ", "-"), number / node.rows.length)));
  const button = make("button", {
    type: "button", title: `${one ? only.name : node.label}: ${one ? only.job.outcome : `${many}, ${words}`}`,
    ariaLabel: `${node.label}, ${many}, ${words}${after.length ? `, after ${after.join(", ")}` : ""}`,
  }, make("bdi", {}, node.label), make("small", {}, ...(one ? [badge(only.job.outcome)] : [many])), shares);
  Object.assign(button.style, { left: `${node.x}px`, top: `${node.y}px` });
  button.addEventListener("click", () => {
    if (one) return showJob(only);
    view.change({ text: "", outcome: null, cause: null, node: { label: node.label, rows: new Set(node.rows) } });
    $("timeline-title").scrollIntoView();
  });
  return button;
}
