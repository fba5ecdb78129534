// Shows the suite's own pages in the tabs that Locust's page offers for them, and opens the start form's options.
"use strict";

const PAGES = { Verdict: "verdict", Monitoring: "monitoring" };
let shown = "";
let frame = null;

// Before the first run Locust shows no tabs.
const links = document.createElement("p");
links.id = "suite-links";
links.style.cssText = "text-align: center; font-family: sans-serif;";
for (const [title, page] of Object.entries(PAGES)) {
  const link = document.createElement("a");
  link.href = page;
  link.textContent = title;
  link.style.cssText = "margin: 0 1rem; color: inherit;";
  links.append(link);
}
document.body.append(links);

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
  links.hidden = Boolean(document.querySelector('[role="tab"]'));
  for (const closed of document.querySelectorAll('form .MuiAccordionSummary-root[aria-expanded="false"]:not([data-seen])')) {
    closed.dataset.seen = "";
    closed.click();
  }
}

const changes = { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-selected"] };
new MutationObserver(show).observe(document.getElementById("root"), changes);
show();
