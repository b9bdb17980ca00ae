// Filters the rows of the mapping table while a person types. The table comes whole from the server and the search works
// without this file (a GET with ?q=); here only what is there is shown or hidden. Reads `data-words`, which holds all that
// is searched, in small letters, and touches a row only when its being shown changes. Of many matches the first are shown, and
// the rest on request: to lay out a thousand rows takes longer than a keystroke may.
const AT_ONCE = 150;
const search = document.getElementById("q");
const table = document.getElementById("mapping-table");

if (search && table) {
  const count = document.getElementById("mapping-count");
  const more = document.getElementById("mapping-more");
  // Only who may change something has it.
  const all = document.getElementById("mapping-all");
  const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, words: row.dataset.words, shown: true }));
  let most = AT_ONCE;

  const show = (each, shown) => {
    if (shown !== each.shown) {
      each.shown = shown;
      each.row.hidden = !shown;
    }
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const each of rows) {
      const matches = wanted.every((word) => each.words.includes(word));
      found += matches;
      show(each, matches && found <= most);
    }
    more.hidden = found <= most;
    ticked();
    count.textContent = table.dataset.counted.replace("{found}", found).replace("{shown}", Math.min(found, most));
  };

  const boxes = () =>
    rows.filter((each) => each.shown).map((each) => each.row.querySelector('input[type="checkbox"]'));

  // It says whether all that are shown are ticked. What is not shown stays as it is.
  const ticked = () => {
    if (!all) return;
    const shown = boxes();
    all.checked = shown.length > 0 && shown.every((box) => box.checked);
  };

  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes()) box.checked = all.checked;
    });
    table.tBodies[0].addEventListener("change", ticked);
  }

  search.addEventListener("input", () => {
    most = AT_ONCE;
    filter();
  });
  more.addEventListener("click", () => {
    const next = rows.filter((each) => each.shown).length;
    most = rows.length;
    filter();
    // The button is gone: on with the first row that it brought.
    const row = rows.filter((each) => each.shown)[next];
    row?.row.querySelector("input, a")?.focus();
  });
  filter();
}
