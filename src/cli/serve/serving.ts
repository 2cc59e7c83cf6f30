// What serving is to the command line, whatever the role: something to say, and something to end.

import type { Limits } from "../../base/limits/limits.ts";
import type { RunningRole } from "../../node/member.ts";
import { IdTaken } from "../../node/membership.ts";
import { SessionsUnavailable } from "../../session/sessions.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { OpenRegistry } from "../../registry/client/node-client.ts";
import { OwnAddressUnknown } from "../../transport/address.ts";
import { BadCertificate } from "../../transport/tls/certificate.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import { clientUrls } from "../tls.ts";
import { StartError } from "../usage-error.ts";
import { type Listener, tryListeners } from "./listeners.ts";

/** What an operator who asks for a service's status has just named. */
const knownAnyway: ReadonlySet<string> = new Set(["version", "id", "role", "draining"]);

/** A started role, as the command line has it. */
export interface Serving extends Pick<RunningRole, "drain" | "health" | "reload"> {
  /** For standard output, once it listens. */
  readonly banner: string;
  /** Called when the banner is out. */
  readonly announced?: () => void;
  /** Where it listens, for a person. */
  readonly listening: readonly string[];
  readonly limits: Limits;
}

/** Which listeners speak TLS. */
interface IsSecure {
  readonly clients: boolean;
  /** The links, the registry and the monitor. */
  readonly node: boolean;
  readonly api: boolean;
}

/** The clients' listeners and the monitor, as URLs. */
export function listenersOf(
  addresses: {
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
    readonly api?: string | undefined;
  },
  { clients, node, api: isApiSecure }: IsSecure,
): string[] {
  const { monitor, api } = addresses;
  const { ws, tcp } = clientUrls(addresses, clients);
  const urls = [ws, tcp, monitor && httpUrl(monitor, node), api && httpUrl(api, isApiSecure)];
  return urls.filter((url) => url !== undefined);
}

function httpUrl(address: string, isSecure: boolean): string {
  return `${isSecure ? "https" : "http"}://${address}`;
}

/** How it is, in a line: `Ready on ws://127.0.0.1:8000 (connections 3, store true)`. */
export function statusOf(serving: Pick<Serving, "listening" | "health">): string {
  const { ready, detail } = serving.health();
  const facts = Object.entries(detail).filter(([name, value]) => value !== "" && !knownAnyway.has(name));
  const told = facts.map(([name, value]) => `${name} ${value}`).join(", ");
  return `${ready ? "Ready" : "Not ready yet"} on ${serving.listening.join(", ")} (${told})`;
}

/** Starts a role; what the platform refuses is told in an operator's words, by the options of `listeners`. */
export async function begin<Role>(start: () => Promise<Role>, listeners: readonly Listener[]): Promise<Role> {
  try {
    return await start();
  } catch (error) {
    const isTold = [
      StoreUnavailable,
      SessionsUnavailable,
      IdTaken,
      OwnAddressUnknown,
      OpenRegistry,
      BadCertificate,
    ].some((kind) => error instanceof kind);
    if (isTold) throw new StartError(sentenceOf(error));
    const sentence = sentenceOf(error);
    const code = codeOf(error);
    // A name that cannot be resolved has no code where it is listened at.
    if (
      /^(EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND)$/.test(code) ||
      /^(bind|listen|Failed to listen) /.test(sentence)
    ) {
      // The platform names no port, or asks whether it is in use.
      tryListeners(listeners);
      const options = listeners.map(({ option }) => option).join(", ");
      throw new StartError(`${sentence}; choose other addresses with ${options}`);
    }
    // What else the system refuses is about this machine, and no bug.
    if (/^E[A-Z0-9]+$/.test(code)) throw new StartError(sentence);
    throw error;
  }
}
