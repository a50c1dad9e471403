"""What filters the cases of a page. Without it all of them are there, closed, to be opened one by one."""

SCRIPT = """
"use strict";
for (const section of document.querySelectorAll(".cases")) {
  const form = section.querySelector("form"), told = form.querySelector("output");
  const button = form.querySelector("button");
  const cases = [...section.querySelectorAll("details.case")].map(node => ({
    node, kinds: node.dataset.kinds.split(" "), tags: node.dataset.tags ? JSON.parse(node.dataset.tags) : [], text: null
  }));
  const filter = () => {
    const kind = form.querySelector("input:checked").value, tag = form.elements.tag ? form.elements.tag.value : "";
    const words = form.elements.text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const one of cases) {
      let fits = (kind === "all" || one.kinds.includes(kind)) && (!tag || one.tags.includes(tag));
      if (fits && words.length) {
        one.text ??= one.node.textContent.toLowerCase();
        fits = words.every(word => one.text.includes(word));
      }
      one.node.hidden = !fits;
      shown += fits;
    }
    told.textContent = `${shown} of ${cases.length} shown`;
  };
  const open = () => cases.some(one => !one.node.hidden && !one.node.open);
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", event => event.preventDefault());
  button.addEventListener("click", () => {
    const opened = open();
    for (const one of cases) if (!one.node.hidden) one.node.open = opened;
    button.textContent = opened ? "Close all" : "Open all";
  });
  form.hidden = false;
  filter();
}
const follow = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const block = target && target.closest("details.case");
  if (!block) return;
  if (block.hidden) block.closest(".cases").querySelector("form").reset();
  block.hidden = false;
  block.open = true;
  block.scrollIntoView();
};
addEventListener("hashchange", follow);
addEventListener("click", event => { if (event.target.closest("a[href^='#case-']")) setTimeout(follow); });
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details.plain")) one.open = true;
});
follow();
"""
