// Keeps a page's live part new by server-sent events, and says when it is not: offline, old, signed out. Without this script the
// page has a link to load it again. Texts come from the page; what is sent is a piece of a page that the server has made.

const QUIET_MS = 15_000; // three heartbeats of web/live.py
const FOR_GOOD = [403, 404, 410];

const part = document.querySelector("[data-live]");
const notice = document.querySelector("[data-live-notice]");
const said = document.querySelector("[data-live-said]");
let heardAt = Date.now();
let over = false;

function tell(text) {
  notice.textContent = text;
  notice.hidden = text === "";
}

function heard() {
  heardAt = Date.now();
  tell("");
}

function show(html) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const address = focused?.getAttribute("href");
  part.innerHTML = html;
  document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: part } })); // times.js shows the viewer's zone
  // A link that somebody has just reached with the keyboard stays under their hands.
  if (address) part.querySelector(`a[href="${CSS.escape(address)}"]`)?.focus();
  const verdict = part.querySelector("[data-verdict]")?.textContent.trim() ?? "";
  if (said.textContent !== verdict) said.textContent = verdict; // only what changed is read aloud
}

// A stream that was refused is not opened again by the browser itself. Where it will be refused for good, for a session that has
// ended or a connection that is gone, the page loads itself, to say that.
async function again() {
  const asking = new AbortController();
  const answer = await fetch(part.dataset.live, { redirect: "manual", signal: asking.signal }).catch(() => null);
  asking.abort();
  if (answer?.type === "opaqueredirect" || FOR_GOOD.includes(answer?.status)) location.reload();
  else follow();
}

function follow() {
  const events = new EventSource(part.dataset.live);
  events.addEventListener("status", (event) => {
    heard();
    show(event.data);
  });
  events.addEventListener("beat", heard);
  events.addEventListener("failed", () => {
    heardAt = Date.now();
    tell(part.dataset.failed);
  });
  // The page itself says best what is not there any more.
  events.addEventListener("gone", () => location.reload());
  events.addEventListener("over", () => {
    over = true;
    events.close();
    tell(part.dataset.over);
  });
  events.addEventListener("error", () => {
    if (over) return;
    tell(part.dataset.offline);
    if (events.readyState === EventSource.CLOSED) setTimeout(again, QUIET_MS);
  });
}

if (part) {
  follow();
  setInterval(() => {
    if (!over && Date.now() - heardAt > QUIET_MS && notice.hidden) tell(part.dataset.stale);
  }, 1_000);
}
