// Opens WebSockets. Browsers, Bun and Node 22 have a WebSocket; Node 20 needs the package `ws`, which only its users
// install.

type Constructor = new (url: string) => WebSocket;

/**
 * Opens a WebSocket like the platform's constructor, and throws what that throws. `ca`: certificates in PEM that verify
 * the server's.
 * @throws TypeError if there is no WebSocket, or it takes no `ca`
 */
export function openWebSocket(url: string, ca?: string): WebSocket | Promise<WebSocket> {
  if (ca !== undefined && url.startsWith("wss:")) return openVerifiedBy(ca, url);
  if (typeof WebSocket !== "undefined") return new WebSocket(url);
  return ofPackage("ws").then((Found) => new Found(url));
}

/** Throws TypeError if the platform verifies servers by nothing but its own certificates. */
export function requireCa(): void {
  if (typeof Bun === "undefined")
    throw new TypeError("the option ca needs Bun; let Node read the certificates by NODE_EXTRA_CA_CERTS");
}

/** Bun's constructor takes TLS options; the types are those of browsers. */
function openVerifiedBy(ca: string, url: string): WebSocket {
  requireCa();
  const socket: unknown = Reflect.construct(WebSocket, [url, { tls: { ca } }]);
  if (!(socket instanceof WebSocket)) throw new TypeError("the platform made no WebSocket");
  return socket;
}

/**
 * A parameter hides the name from bundlers: they would put the package into a page, or fail if it is not installed. The
 * comments keep Vite and webpack from warning of that.
 */
async function ofPackage(name: string): Promise<Constructor> {
  let found: unknown;
  try {
    found = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
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
