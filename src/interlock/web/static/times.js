// Shows every <time datetime="..."> in the viewer's own zone and language. Without scripts it stays as the server wrote it, in UTC,
// which the title keeps. Parts that htmx brings later are seen to as they come.

// In the page's language, as the viewer's country writes it where the browser tells.
const language = document.documentElement.lang;
const locale = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;
const shown = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

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
