// What the page around a fragment does when HTMX brings another one.
(() => {
  // A token in the address has come in with the page, whose form carries it on: it stays in no history and no bookmark.
  const address = new URL(location);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(history.state, "", address);
  }
  // The message was for the page before; the way to the page that is shown now is marked as such.
  document.addEventListener("htmx:pushedIntoHistory", () => {
    document.getElementById("flash").replaceChildren();
    for (const link of document.querySelectorAll("#pages a")) {
      if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  });
  // Where no answer comes, or an error that is not ours, such as a proxy's, the page stays as it is: say so where one looks.
  const unanswered = ({ elt, triggeringEvent }) => {
    if (!triggeringEvent) return; // what asks by itself will ask again
    const told = document.createElement("p");
    told.className = "problem";
    told.setAttribute("role", "alert");
    told.textContent = "The server cannot be reached. What you typed is still here: try again.";
    const place = elt.closest("dialog") ? "relogin-problem" : "flash";
    document.getElementById(place).replaceChildren(told);
  };
  document.addEventListener("htmx:sendError", ({ detail }) => unanswered(detail.requestConfig));
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.xhr.status < 400 || detail.xhr.getResponseHeader("HX-Retarget")) return; // each error of ours names its place
    detail.shouldSwap = false;
    unanswered(detail.requestConfig);
  });
  // A browser may keep a page in memory and show it again on Back: ask whether one may still see it.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.getElementById("who")) location.reload();
  });
})();
