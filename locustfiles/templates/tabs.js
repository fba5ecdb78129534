// Shows the suite's own pages in the tabs that Locust's page offers for them, and opens the start form's options.
"use strict";

const PAGES = { Verdict: "verdict", Monitoring: "monitoring" };
let shown = "";
let frame = null;

function show() {
  const tab = document.querySelector('[role="tab"][aria-selected="true"]');
  const page = (tab && PAGES[tab.textContent.trim()]) || "";
  if (page !== shown) {
    shown = page;
    frame?.remove();
    frame = null;
    if (page) {
      frame = document.createElement("iframe");
      frame.src = page;
      frame.title = tab.textContent.trim();
      frame.style.cssText = "width: 100%; height: calc(100vh - 14rem); min-height: 24rem; border: 0;";
      tab.closest(".MuiTabs-root").parentElement.after(frame);
    }
  }
  for (const closed of document.querySelectorAll('form .MuiAccordionSummary-root[aria-expanded="false"]:not([data-seen])')) {
    closed.dataset.seen = "";
    closed.click();
  }
}

const changes = { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-selected"] };
new MutationObserver(show).observe(document.getElementById("root"), changes);
show();
