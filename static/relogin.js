// When the session expires under an HTMX page: log in again in a dialog, and send what was interrupted once more.
// Without this script the answer's HX-Redirect acts, and the whole page goes to the login page.
(() => {
  const dialog = document.getElementById("relogin");
  if (!dialog) return; // nobody is logged in on this page

  const flash = document.getElementById("flash");
  const user = document.body.dataset.user;
  const tabs = new BroadcastChannel("latchkey");
  const issuers = new WeakMap(); // how to issue a request again, by its `etc`, which it then keeps
  let interrupted = [];
  let isOut = false; // whether the page says that one is signed out

  const say = (sentence, className = "message") => {
    const message = document.createElement("p");
    message.className = className;
    message.textContent = sentence;
    flash.replaceChildren(message);
  };

  const sayOut = (before) => {
    say(`${before}You are signed out.`, "problem");
    isOut = true;
  };

  const openDialog = async (event) => {
    await htmx.ajax("GET", "/auth/relogin", { target: dialog, swap: "innerHTML", event }).catch(() => {});
    if (!dialog.firstElementChild) interrupted = []; // why the form did not come is said where all such is
    if (interrupted.length && !dialog.open) dialog.showModal();
  };

  const interrupt = ({ etc, elt, requestConfig }) => {
    interrupted.push({
      writes: requestConfig.verb !== "get",
      send: () => {
        etc.values = requestConfig.formData; // the clicked button's value too, though it no longer has the focus
        if (elt.isConnected) issuers.get(etc)(true);
      },
    });
    if (interrupted.length === 1) openDialog(requestConfig.triggeringEvent);
  };

  const restore = (who) => {
    // Nothing is sent in another's name. A path alone may begin with two slashes, and would then be another site's address.
    if (who !== user) return location.replace(location.origin + location.pathname + location.search);
    const again = interrupted;
    interrupted = [];
    dialog.close();
    dialog.replaceChildren(); // no password stays in the page
    if (again.length || isOut) say("You are signed in again.");
    isOut = false;
    again.forEach(({ send }) => send());
  };

  document.addEventListener("htmx:confirm", ({ detail }) => issuers.set(detail.etc, detail.issueRequest));

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, etc, elt, requestConfig } = event.detail;
    const hasExpired = xhr.status === 401 && xhr.getResponseHeader("X-Session") === "expired";
    if (!hasExpired || dialog.contains(elt) || !issuers.has(etc)) return;
    event.preventDefault(); // neither a swap nor HX-Redirect
    if (requestConfig.triggeringEvent) interrupt(event.detail);
    else if (!dialog.open && !isOut) sayOut(""); // a poll opens no dialog
  });

  dialog.addEventListener("close", () => {
    if (dialog.open || !dialog.firstElementChild) return; // one has logged in
    sayOut(interrupted.some(({ writes }) => writes) ? "Not saved. " : "");
    interrupted = [];
    dialog.replaceChildren();
  });

  // Who is logged in now is told to the other tabs: by a login in the dialog, by every page that opens, and by a logout.
  document.addEventListener("session:restored", ({ detail }) => {
    tabs.postMessage({ user: detail.user });
    restore(detail.user);
  });
  document.addEventListener("session:ended", () => tabs.postMessage({}));
  tabs.addEventListener("message", ({ data }) => restore(data.user));
  tabs.postMessage({ user });
})();
