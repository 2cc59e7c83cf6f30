// Opens WebSockets. Browsers, Bun and Node 22 have a WebSocket; Node 20 needs the package `ws`, which only its users
// install.

type Constructor = new (url: string) => WebSocket;

/**
 * Opens a WebSocket like the platform's constructor, and throws what that throws.
 * @throws TypeError if there is no WebSocket
 */
export function openWebSocket(url: string): WebSocket | Promise<WebSocket> {
  if (typeof WebSocket !== "undefined") return new WebSocket(url);
  return ofPackage().then((Found) => new Found(url));
}

async function ofPackage(): Promise<Constructor> {
  // A variable hides the name from bundlers, which would fail if the package is not installed.
  const name = "ws";
  let found: unknown;
  try {
    found = await import(name);
  } catch (cause) {
    throw new TypeError("no WebSocket found: use Node 22 or newer, or run npm install ws", { cause });
  }
  if (typeof found === "object" && found !== null && "WebSocket" in found && isConstructor(found.WebSocket))
    return found.WebSocket;
  throw new TypeError("the installed package ws has no WebSocket: install version 8");
}

function isConstructor(value: unknown): value is Constructor {
  return typeof value === "function";
}
