// The order of the jobs, folded so far that it can be drawn: jobs by themselves, or those of a level and a stem
// together, or those of a stem, or those of some levels.

const MOST_NODES = 40, MOST_LEVELS = 12;

/** How far each job is from those that depend on none: by its row. Walks with a stack, as chains may be long. */
function levelsOf() {
  const levels = new Map();
  for (const start of rows) {
    const stack = [start];
    while (stack.length) {
      const row = stack[stack.length - 1];
      if (levels.has(row)) {
        stack.pop();
        continue;
      }
      const open = row.job.depends_on.map((name) => openOf(name, levels)).filter(Boolean);
      if (open.length) {
        stack.push(...open);
        continue;
      }
      const below = row.job.depends_on.map((name) => levelOf.get(name) ?? -1);
      levels.set(row, 1 + below.reduce((a, b) => Math.max(a, b), -1));
      stack.pop();
    }
  }
  return levels;
}

const levelOf = new Map(); // by the name in a dependency, the highest of its jobs, once all are known
const lookedAt = new Map(); // how many of its jobs are known

/** A job of this name whose level is not known yet. */
function openOf(name, levels) {
  if (levelOf.has(name)) return null;
  const some = named(name);
  let next = lookedAt.get(name) ?? 0;
  while (next < some.length && levels.has(some[next])) next += 1;
  lookedAt.set(name, next);
  if (next < some.length) return some[next];
  levelOf.set(name, some.reduce((most, row) => Math.max(most, levels.get(row)), -1));
  return null;
}

/** The folded order: its nodes { label, rows, column } and edges [from, to, jobs], and how many jobs have no order. */
function foldedOrder() {
  const levels = levelsOf();
  const alone = new Set(rows.filter((row) => !row.job.depends_on.length && !neededBy(row).length));
  const some = rows.filter((row) => !alone.has(row));
  const deepest = some.reduce((most, row) => Math.max(most, levels.get(row)), 0);
  const each = Math.ceil((deepest + 1) / MOST_LEVELS);
  const ways = [
    [(row) => row, (row) => row.name],
    [(row) => `${levels.get(row)} ${row.stem}`, (row) => line(row.stem)],
    [(row) => row.stem, (row) => line(row.stem)],
    [(row) => Math.floor(levels.get(row) / each), (row) => {
      const first = Math.floor(levels.get(row) / each) * each;
      const last = Math.min(first + each - 1, deepest);
      return first === last ? `level ${first + 1}` : `levels ${counted(first + 1)} to ${counted(last + 1)}`;
    }],
  ];
  for (const [key, label] of ways) {
    const found = [...grouped(some, key).values()];
    const nodes = found.map((mine) => {
      const depths = mine.map((row) => levels.get(row)), least = depths.reduce((a, b) => Math.min(a, b));
      return { rows: mine, least, deep: depths.reduce((a, b) => Math.max(a, b)) - least + 1, label: label(mine[0]) };
    });
    const columns = [...new Set(nodes.map((node) => node.least))].sort((a, b) => a - b);
    const isLast = key === ways[ways.length - 1][0];
    const isReadable = nodes.length > 1 && nodes.length <= MOST_NODES && columns.length <= MOST_LEVELS;
    if (!isReadable && !isLast) continue;
    for (const node of nodes) node.column = columns.indexOf(node.least);
    return { nodes, edges: edgesOf(nodes), alone: alone.size };
  }
  return null;
}

function edgesOf(nodes) {
  const nodeOf = new Map(nodes.flatMap((node) => node.rows.map((row) => [row, node])));
  const sources = new Map(); // by the name in a dependency
  const found = new Map();
  for (const [row, node] of nodeOf) for (const name of row.job.depends_on) {
    if (!sources.has(name)) sources.set(name, new Set(named(name).map((one) => nodeOf.get(one))));
    for (const source of sources.get(name)) {
      if (!found.has(source)) found.set(source, new Map());
      const to = found.get(source);
      to.set(node, (to.get(node) ?? 0) + 1);
    }
  }
  return [...found].flatMap(([from, to]) => [...to].map(([node, number]) => [from, node, number]));
}
