"use strict";
document.documentElement.classList.add("js");
for (const section of document.querySelectorAll("section.test")) {
  const body = section.querySelector(".sentences tbody");
  const rows = [...body.rows].map((row) => ({
    row, flags: new Set(row.dataset.flags.split(" ")), text: null,
    chrf: Number(row.dataset.chrf), line: Number(row.dataset.line),
  }));
  const flags = [...section.querySelectorAll("button.flag")];
  const find = section.querySelector(".find");
  const order = section.querySelector(".order");
  const count = section.querySelector(".count");
  const show = () => {
    const chosen = flags.filter((flag) => flag.getAttribute("aria-pressed") === "true").map((flag) => flag.dataset.flag);
    const wanted = find.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const entry of rows) {
      if (wanted && entry.text === null) entry.text = entry.row.textContent.toLocaleLowerCase();
      const fits = (!chosen.length || chosen.some((flag) => entry.flags.has(flag))) &&
        (!wanted || entry.text.includes(wanted));
      entry.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} sentences`;
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
    rows.sort((one, other) => one[by] - other[by] || one.line - other.line);
    body.append(...rows.map((entry) => entry.row));
  });
  section.querySelector(".all").addEventListener("click", () => {
    for (const flag of flags) flag.setAttribute("aria-pressed", "false");
    find.value = "";
    show();
  });
}
