// Parts of a page that ask for themselves anew (hx-trigger="load delay:2s, again") or are sent anew (sse-connect) while something is
// under way: where no answer comes this says so and goes on asking. What is gone, or is not allowed any more, will not come back by
// asking: the page loads itself, to say that. Who is signed out meanwhile is led to the sign-in by the answer itself
// (web/access.py). Without scripts each such page has a link to load it again. The text comes from the part: data-offline.

const AGAIN_MS = 3_000;
// A stream that only ended is open again by then, by the browser itself.
const REOPENED_MS = 5_000;
const FOR_GOOD = [403, 404, 410];

function noticeOf(part) {
  const before = part.previousElementSibling;
  if (before?.matches("[data-poll-notice]")) return before;
  const made = document.createElement("p");
  made.className = "notice";
  made.dataset.pollNotice = "";
  made.setAttribute("role", "status");
  made.hidden = true;
  part.before(made);
  return made;
}

function tell(part, text) {
  const notice = noticeOf(part);
  notice.hidden = text === "";
  if (notice.textContent !== text) notice.textContent = text; // only what changed is read aloud
}

function offline(event) {
  const part = event.target.closest("[data-offline]");
  if (part === null) return;
  if (FOR_GOOD.includes(event.detail.xhr?.status)) {
    location.reload();
    return;
  }
  tell(part, part.dataset.offline);
  setTimeout(() => window.htmx.trigger(part, "again"), AGAIN_MS);
}

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, offline);

let reopening;

// The extension opens the stream again by itself.
document.addEventListener("htmx:sseError", (event) => {
  const part = event.target.closest("[data-offline]");
  if (part !== null) reopening ??= setTimeout(() => tell(part, part.dataset.offline), REOPENED_MS);
});

for (const name of ["htmx:beforeSwap", "htmx:sseOpen", "htmx:sseMessage", "htmx:sseClose"]) {
  document.addEventListener(name, (event) => {
    const part = event.target.closest("[data-offline]");
    if (part === null) return;
    clearTimeout(reopening);
    reopening = undefined;
    tell(part, "");
  });
}
