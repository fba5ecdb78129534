// Shows what the server has rendered, again and again.
"use strict";

const { source, everyMs } = document.body.dataset;
const now = document.getElementById("now");

async function refresh() {
  try {
    const answer = await fetch(source, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const rendered = await answer.text();
    if (rendered !== refresh.shown) now.innerHTML = rendered;
    refresh.shown = rendered;
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  }
  setTimeout(refresh, Number(everyMs));
}

refresh();
