// A link marked data-modal opens its page as a dialog over this one. Without scripts, or where the page is not to be had, it
// is a link as any other. The page is one that parts.modal has made; its form sends and answers as it does on a page of its own.

async function open(link) {
  const answer = await fetch(link.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = page.querySelector("[data-modal-content]");
  // Another page than was asked for, the sign-in for instance: go there.
  if (!answer.ok || content === null) {
    location.assign(link.href);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", content.getAttribute("aria-labelledby"));
  const opener = document.activeElement;
  dialog.append(document.importNode(content, true));
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-modal-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener?.focus();
  });
  document.body.append(dialog);
  window.htmx?.process(dialog);
  dialog.showModal();
  document.dispatchEvent(new Event("interlock:arrived"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-modal]");
  if (link === null || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open(link).catch(() => location.assign(link.href));
});
