// The server that a load is put on: where it is, how to sign its tokens, and which processes it is made of.

export const plainTransports = ["tcp", "ws"] as const;
export type PlainTransport = (typeof plainTransports)[number];
/** With TLS: the same frames. */
export const secureTransports = ["tls", "wss"] as const;
export const transports = [...plainTransports, ...secureTransports] as const;
export type Transport = (typeof transports)[number];

export function isSecure(transport: Transport): boolean {
  return secureTransports.some((name) => name === transport);
}

/** The app of the tokens, on servers that the bench starts. */
export const benchApp = "bench";

/** Where clients connect, one way. */
export interface Endpoint {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  /** Of a WebSocket. */
  readonly path: string;
}

/** A process of the server. */
export interface TargetProcess {
  readonly name: string;
  readonly pid: number;
}

/** The HTTP API for back ends, on loopback. */
export interface ApiAddress {
  readonly port: number;
  /** A key of all apps, with all scopes. */
  readonly key: string;
}

/** A generator's order; plain data, so that it can be handed to another process. */
export interface Target {
  readonly endpoint: Endpoint;
  /** The key of its tokens, as text. */
  readonly secret: string;
  readonly app: string;
  /** None: a server that was not started here; then nothing is known of them. */
  readonly processes: readonly TargetProcess[];
  /** Undefined: the server was started without it. */
  readonly api?: ApiAddress;
}

/** A server, with all ways into it. */
export interface Server {
  readonly endpoints: Readonly<Partial<Record<Transport, Endpoint>>>;
  readonly secret: string;
  readonly app: string;
  readonly processes: readonly TargetProcess[];
  readonly api?: ApiAddress;
  readonly topology: string;
  readonly store: string;
  /** Rejects when one of its processes ends by itself; undefined: nobody knows. */
  readonly died: Promise<never> | undefined;
}

/** Reads `tcp://host:port`, `tls://host:port`, `ws://host:port/path` or `wss://host:port/path`. Throws a sentence. */
export function parseServerUrl(url: string): Endpoint {
  const parsed = URL.parse(url);
  const transport = transports.find((name) => parsed?.protocol === `${name}:`);
  if (parsed === null || transport === undefined || parsed.hostname === "")
    throw new Error(
      `--url ${url} is not tcp://host:port, tls://host:port, ws://host:port/path or wss://host:port/path`,
    );
  if (parsed.port === "" && (transport === "tcp" || transport === "tls")) throw new Error(`--url ${url} names no port`);
  // An address of IPv6 stands in brackets.
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const port = Number(parsed.port || (transport === "wss" ? "443" : "80"));
  return { transport, host, port, path: `${parsed.pathname || "/"}${parsed.search}` };
}

/** One way into a server. Throws if there is none. */
export function targetOf(server: Server, transport: Transport): Target {
  const { endpoints, secret, app, processes, api } = server;
  const endpoint = endpoints[transport];
  if (endpoint === undefined) throw new Error(`the server takes no clients over ${transport}`);
  return { endpoint, secret, app, processes, ...(api === undefined ? {} : { api }) };
}
