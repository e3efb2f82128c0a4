// What the page around a fragment does when HTMX brings another one.
(() => {
  // The message was for the page before; the way to the page that is shown now is marked as such.
  document.addEventListener("htmx:pushedIntoHistory", () => {
    document.getElementById("flash").replaceChildren();
    for (const link of document.querySelectorAll("#pages a")) {
      if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  });
  // A browser may keep a page in memory and show it again on Back: ask whether one may still see it.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.getElementById("who")) location.reload();
  });
})();
