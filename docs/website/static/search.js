// Show the beginning of a page below its title in the results of a search. Sphinx would fetch the pages, which a browser
// does not do where the site is a folder; summaries.js has the beginnings instead.
function addSummaries(list) {
  for (const item of list.querySelectorAll("li:not([data-summary])")) {
    const link = item.querySelector("a");
    if (!link) continue;
    const name = decodeURIComponent(new URL(link.href).pathname).replace(/\.html$/, "");
    const page = Object.keys(window.pageSummaries).find((page) => name.endsWith("/" + page));
    item.dataset.summary = page || "";
    if (page && !item.querySelector("p.context")) {
      const paragraph = document.createElement("p");
      paragraph.className = "context";
      paragraph.textContent = window.pageSummaries[page];
      item.append(paragraph);
    }
  }
}

const results = document.getElementById("search-results");
if (results) new MutationObserver(() => addSummaries(results)).observe(results, { childList: true, subtree: true });
