// The web chat: what a browser runs that opens the address of the WebSocket listener.

import { render } from "preact";
import { App } from "./state/app.ts";
import { startLooks } from "./state/looks.ts";
import { Page } from "./views/page.tsx";

const place = document.querySelector("#app");
if (place === null) throw new Error("index.html has no element #app");
const app = new App();
// A link that is opened in a tab which shows the page already.
addEventListener("hashchange", () => {
  if (location.hash !== "") app.start();
});
// It connects while the texts are on their way.
app.start();
await startLooks(document.documentElement);
// Above the keyboard of a phone, which covers the page where it does not make it smaller. Who zooms in moves the page.
const view = globalThis.visualViewport;
const fit = (): void => {
  if (view === null || view.scale > 1) return;
  document.documentElement.style.setProperty("--height", `${view.height}px`);
  scrollTo(0, 0);
};
fit();
view?.addEventListener("resize", fit);
render(<Page app={app} />, place);
