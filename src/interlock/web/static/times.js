// Shows every <time datetime="..."> in the viewer's own zone and language. Without scripts it stays as the server wrote it, in UTC,
// which the title keeps. Parts that htmx brings later are seen to as they come.

const shown = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { dateStyle: "medium", timeStyle: "medium" });

export function localise(part) {
  for (const time of part.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = shown.format(at);
    time.dataset.local = "";
  }
}

localise(document);
document.addEventListener("htmx:load", (event) => localise(event.detail.elt.parentNode ?? event.detail.elt));
