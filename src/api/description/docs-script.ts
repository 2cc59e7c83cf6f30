// The script of GET /docs: finds methods, copies lines, and remembers a choice of light or dark. Without it the page is
// complete.

/** The script. */
export const docsScript = `
const root = document.documentElement;
const themes = ["auto", "light", "dark"];
const themeButton = document.querySelector("#theme");
// A browser may forbid storage: then the choice lasts as long as the page.
const stored = (use) => { try { return use(localStorage); } catch { return null; } };
let theme = stored((storage) => storage.getItem("roost-theme")) ?? "auto";
const show = () => {
  if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  themeButton.textContent = "Theme: " + theme;
};
if (!themes.includes(theme)) theme = "auto";
show();
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  stored((storage) => storage.setItem("roost-theme", theme));
  show();
});

for (const button of document.querySelectorAll(".curl button")) {
  if (navigator.clipboard === undefined) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const line = button.parentElement.querySelector("pre").textContent;
    let said = "Copied";
    try { await navigator.clipboard.writeText(line); } catch { said = "Not allowed"; }
    button.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

const find = document.querySelector("#find");
const none = document.querySelector("#none");
const links = [...document.querySelectorAll("nav li")];
find.hidden = false;
find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\\s+/);
  let count = 0;
  for (const item of links) {
    const text = (item.querySelector("a").hash + " " + item.title).toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
    if (!item.hidden) count++;
  }
  for (const section of document.querySelectorAll("nav section"))
    section.hidden = section.querySelector("li:not([hidden])") === null;
  none.hidden = count > 0;
});
const list = document.querySelector("nav details");
const isWide = matchMedia("(min-width: 861px)");
const unfold = () => { list.open = isWide.matches; };
isWide.addEventListener("change", unfold);
unfold();
`;
