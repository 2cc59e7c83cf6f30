// The WebSocket of the platform: browsers, Bun and Node 22 have one. Node 20 has none, and takes that of the package `ws`,
// which only those need to install.

type Constructor = new (url: string) => WebSocket;

/**
 * Opens a WebSocket as the platform's constructor does.
 * @throws TypeError where there is none, and what the constructor throws
 */
export function openWebSocket(url: string): WebSocket | Promise<WebSocket> {
  if (typeof WebSocket !== "undefined") return new WebSocket(url);
  return ofPackage().then((Found) => new Found(url));
}

async function ofPackage(): Promise<Constructor> {
  // In a variable, so that no bundler looks for what most have not installed.
  const name = "ws";
  let found: unknown;
  try {
    found = await import(name);
  } catch (cause) {
    throw new TypeError("there is no WebSocket here: use Node 22 or newer, or run npm install ws", { cause });
  }
  if (typeof found === "object" && found !== null && "WebSocket" in found && isConstructor(found.WebSocket))
    return found.WebSocket;
  throw new TypeError("the package ws that is installed here has no WebSocket: install version 8");
}

function isConstructor(value: unknown): value is Constructor {
  return typeof value === "function";
}
