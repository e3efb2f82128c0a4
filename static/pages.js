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
  // A request that did not reach the server leaves the page as it is: say so where one looks.
  document.addEventListener("htmx:sendError", ({ detail }) => {
    if (!detail.requestConfig.triggeringEvent) return; // what asks by itself will ask again
    const told = document.createElement("p");
    told.className = "problem";
    told.setAttribute("role", "alert");
    told.textContent = "The server cannot be reached. What you typed is still here: try again.";
    const place = detail.elt.closest("dialog") ? "relogin-problem" : "flash";
    document.getElementById(place).replaceChildren(told);
  });
  // A browser may keep a page in memory and show it again on Back: ask whether one may still see it.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.getElementById("who")) location.reload();
  });
})();
