// Typeset the equations of a page. KaTeX is in this folder, so that no request leaves the machine.
for (const element of document.querySelectorAll(".math")) {
  katex.render(element.textContent, element, { displayMode: element.tagName === "DIV", throwOnError: true });
}
