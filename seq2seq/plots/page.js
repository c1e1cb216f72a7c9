"use strict";
document.documentElement.classList.add("js");
for (const section of document.querySelectorAll("section.test")) {
  const table = section.querySelector(".sentences");
  const sentences = [...table.tBodies].map((body) => ({
    body, flags: new Set(body.dataset.flags.split(" ")), text: null,
    chrf: Number(body.dataset.chrf), line: Number(body.dataset.line),
  }));
  const flags = [...section.querySelectorAll("button.flag")];
  const find = section.querySelector(".find");
  const order = section.querySelector(".order");
  const count = section.querySelector(".count");
  const show = () => {
    const chosen = flags.filter((flag) => flag.getAttribute("aria-pressed") === "true").map((flag) => flag.dataset.flag);
    const wanted = find.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const entry of sentences) {
      if (wanted && entry.text === null) entry.text = entry.body.rows[0].textContent.toLocaleLowerCase();
      const fits = (!chosen.length || chosen.some((flag) => entry.flags.has(flag))) &&
        (!wanted || entry.text.includes(wanted));
      entry.body.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${sentences.length.toLocaleString("en")} sentences`;
  };
  for (const flag of flags) {
    flag.addEventListener("click", () => {
      flag.setAttribute("aria-pressed", String(flag.getAttribute("aria-pressed") !== "true"));
      show();
    });
  }
  let waiting = 0;
  find.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 120); });
  order.addEventListener("change", () => {
    const by = order.value;
    sentences.sort((one, other) => one[by] - other[by] || one.line - other.line);
    table.append(...sentences.map((entry) => entry.body));
  });
  section.querySelector(".all").addEventListener("click", () => {
    for (const flag of flags) flag.setAttribute("aria-pressed", "false");
    find.value = "";
    show();
  });
}
