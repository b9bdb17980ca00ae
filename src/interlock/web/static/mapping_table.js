// Filters the rows of the mapping table while a person types. The table comes whole from the server and the search works
// without this file (a GET with ?q=); here only what is there is shown or hidden. Reads `data-words`, which holds all that
// is searched, in small letters, and touches a row only when its being shown changes.
const search = document.getElementById("q");
const table = document.getElementById("mapping-table");

if (search && table) {
  const count = document.getElementById("mapping-count");
  const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, words: row.dataset.words, shown: true }));

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const each of rows) {
      const matches = wanted.every((word) => each.words.includes(word));
      shown += matches;
      if (matches !== each.shown) {
        each.shown = matches;
        each.row.hidden = !matches;
      }
    }
    count.textContent = table.dataset.counted.replace("{shown}", shown).replace("{all}", rows.length);
  };

  search.addEventListener("input", filter);
  // A page that comes back from the browser's cache has its search, and all its rows.
  window.addEventListener("pageshow", () => search.value && filter());
}
