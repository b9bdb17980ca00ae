// A page that asks the CRMs before it answers takes seconds to come. This says so, politely, on the page that is still there. Without
// scripts the browser's own sign that it loads is all there is.

const SOON_MS = 700; // what comes before is no wait
// A file is brought without leaving the page, and nothing tells when it is there.
const FILE = /\.(csv|zip|yaml)$|\/(export|hubspot-project)$/;

const place = document.getElementById("waiting");
let timer;

function begin(address) {
  const { origin, pathname } = new URL(address, location.href);
  if (origin !== location.origin || FILE.test(pathname)) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    place.textContent = place.dataset.waits;
  }, SOON_MS);
}

function end() {
  clearTimeout(timer);
  place.textContent = "";
}

function isHere(element, event) {
  return !event.defaultPrevented && !element.getAttribute("target") && !element.hasAttribute("download");
}

// Heard last, so that whoever has seen to it by themselves has said so; but a dialog's page is waited for as well.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const elsewhere = link.pathname !== location.pathname || link.search !== location.search || !link.hash;
  if ("modal" in link.dataset || (isHere(link, event) && elsewhere)) begin(link.href);
});

addEventListener("submit", (event) => {
  const form = event.target;
  const sends = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
  if (isHere(form, event)) begin(sends);
});

document.addEventListener("interlock:arrived", end); // modals.js
addEventListener("pageshow", end); // come back to by the browser's own button
