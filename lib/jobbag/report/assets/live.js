// The page of a run that goes on: it says so, and loads itself anew, with all that was chosen in it.

const LATE = 3; // so many times the time to the next page without one: the command was killed, or cannot write

function prepareLive() {
  if (!summary.goes_on) return;
  const again = summary.goes_on * SECOND, isLate = Date.now() - summary.ended > LATE * again + MINUTE;
  const now = make("button", { type: "button" }, "Load now");
  now.addEventListener("click", () => reload());
  $("live").hidden = false;
  $("live").prepend(make("span", {}, `As of ${moment(summary.ended, isLate ? DATE : TIME)}${isLate
    ? ", and not written anew since: was the command killed? The same command goes on." : ", the run goes on."}`));
  $("live").append(now);
  const box = $("by-itself");
  box.checked = remembered.byItself ?? true;
  setInterval(() => {
    const busy = $("job").open || document.activeElement === $("text") || getSelection()?.type === "Range";
    if (box.checked && !busy && !isLate) reload();
  }, Math.max(10 * SECOND, again / 2));
}

/** What was chosen before the page loaded itself. */
const remembered = history.state?.run === summary.run ? history.state : {};

function reload() {
  const { text, outcome, order, descending, grouped: isGrouped, open } = view;
  const { from, to, many, items } = timeline, place = items[0]?.place;
  const zoom = timeline.isWhole ? null : { from, to, many, place };
  history.replaceState({
    run: summary.run, view: { text, outcome, order, descending, grouped: isGrouped, open }, zoom,
    byItself: $("by-itself").checked, top: table.scroller.scrollTop,
  }, "");
  location.reload();
}

/** Show again what was shown before. */
function recall() {
  view.change(remembered.view ?? {});
  if (remembered.zoom) timeline.show(remembered.zoom);
  if (remembered.top) table.scroller.scrollTop = remembered.top;
}
