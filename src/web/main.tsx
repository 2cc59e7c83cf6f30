// The web chat: what a browser runs that opens the address of the WebSocket listener.

import { render } from "preact";

const place = document.querySelector("#app");
if (place !== null) render(<p>Roost is running.</p>, place);
