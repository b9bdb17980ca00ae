// The sign-in in a window of its own. Without this file, or where the window is blocked, the same forms work in the same tab.
//
// The window and the page may lose touch on the way (a CRM's log-in page may ask for that), so nothing is passed between them: the
// window that came back says so to every page of ours on a channel, and the page loads itself again; the server knows the rest.

const channel = new BroadcastChannel("interlock-sign-in");

if (document.querySelector("[data-came-back]")) {
  channel.postMessage("came back");
  window.close();
}

let watching = 0;

function watch(opened, part, stood) {
  watching += 1;
  const timer = setInterval(() => {
    if (!opened.closed) return;
    clearInterval(timer);
    watching -= 1;
    // The message of a window that came back is on its way: it goes first.
    setTimeout(() => {
      const here = new URL(location.href);
      here.searchParams.set("closed", part);
      here.searchParams.set("stood", stood);
      location.replace(here);
    }, 1000);
  }, 300);
}

for (const form of document.querySelectorAll("form[data-opens-window]")) {
  form.addEventListener("submit", () => {
    const name = "interlock-sign-in";
    const opened = window.open("", name, "popup,width=640,height=760");
    if (!opened) return; // blocked: the form goes on in this tab
    form.target = name;
    const mark = document.createElement("input");
    mark.type = "hidden";
    mark.name = "window";
    mark.value = "yes";
    form.append(mark);
    setTimeout(() => mark.remove(), 0);
    watch(opened, form.dataset.opensWindow, form.dataset.stood);
  });
}

if (document.querySelector("form[data-opens-window]")) {
  channel.addEventListener("message", () => {
    const here = new URL(location.href);
    here.searchParams.delete("closed");
    here.searchParams.delete("stood");
    location.replace(here);
  });
}

// Waiting for a colleague, who signs in elsewhere: look again now and then, but not under somebody's hands, who would lose their
// place on the page, nor while a window is open: only this page sees that it was closed.
if (document.querySelector("[data-waiting]")) {
  setInterval(() => {
    const idle = document.activeElement === document.body && watching === 0;
    if (document.visibilityState === "visible" && idle) location.reload();
  }, 10000);
}
