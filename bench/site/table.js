"use strict";
// Columns are sorted by click or key: best first, then worst first, then by rank. Rows stay in their section.
{
  const key = (row, column, direction) => {
    const shown = row.cells[column].dataset.key;
    if (direction === "text" || shown === "") return shown;
    return direction === "zero" ? Math.abs(Number(shown)) : Number(shown);
  };

  const compare = (a, b, isDescending) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return (a < b ? -1 : a > b ? 1 : 0) * (isDescending ? -1 : 1);
  };

  const sort = (table, original, column, order, direction) => {
    for (const [body, rows] of original) {
      const title = rows.filter((row) => row.className === "section");
      const lines = rows.filter((row) => row.className !== "section");
      if (order !== "none") {
        lines.sort((a, b) => compare(key(a, column, direction), key(b, column, direction), order === "descending"));
      }
      body.append(...title, ...lines);
    }
  };

  for (const table of document.querySelectorAll("table.board")) {
    const original = [...table.tBodies].map((body) => [body, [...body.rows]]);
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const direction = head.dataset.direction;
      const first = direction === "higher" ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const next = { none: first, [first]: second, [second]: "none" };
      head.querySelector("button").addEventListener("click", () => {
        const order = next[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", other === head ? order : "none");
        sort(table, original, column, order, direction);
      });
    });
  }
}
