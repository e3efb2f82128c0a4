// The Show button beside a password. Without this script it stays hidden; when its form goes, the password is hidden again.
(() => {
  document.documentElement.classList.add("scripted");

  const show = (button, shown) => {
    const word = shown ? "Hide" : "Show";
    document.getElementById(button.getAttribute("aria-controls")).type = shown ? "text" : "password";
    button.textContent = word;
    button.setAttribute("aria-label", `${word} password`);
    button.nextElementSibling.textContent = shown ? "Your password is visible" : "Your password is hidden";
  };
  const isShown = (button) => button.textContent === "Hide";

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.show");
    if (button) show(button, !isShown(button));
  });
  document.addEventListener("submit", (event) => {
    [...event.target.querySelectorAll("button.show")].filter(isShown).forEach((button) => show(button, false));
  }, true);
})();
