// Where a server listens, before it does: which of its addresses cannot be had, and why, in an operator's words.

import { formatAddress, type SocketAddress } from "../../transport/address.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import type { OptionValues } from "../option-values.ts";
import { StartError } from "../usage-error.ts";

/** An address of the options; undefined: off. */
export interface Listener {
  /** As a user writes it: `--ws`. */
  readonly option: string;
  readonly address: SocketAddress | undefined;
}

/** The listeners of a standalone server. */
export function clientListeners(values: OptionValues): Listener[] {
  return [
    { option: "--ws", address: values.optional("ws") },
    { option: "--tcp", address: values.optional("tcp") },
    { option: "--monitor", address: values.optional("monitor") },
    { option: "--api", address: values.optional("api") },
  ];
}

/** The listeners of a service of a cluster, for other services and operators. */
export function memberListeners({
  listen,
  monitor,
}: {
  readonly listen?: SocketAddress | undefined;
  readonly monitor?: SocketAddress | undefined;
}): [Listener, Listener] {
  return [
    { option: "--listen", address: listen },
    { option: "--monitor", address: monitor },
  ];
}

const closing = {
  open: (socket: Bun.Socket): void => void socket.end(),
  data: () => undefined,
};

/**
 * Listens at all of the addresses for a moment, over TCP. Throws StartError for the first one that cannot be had. What
 * is free now may be taken later.
 */
export function tryListeners(listeners: readonly Listener[]): void {
  const held: { stop(force: boolean): void }[] = [];
  try {
    const taken = new Map<string, string>();
    for (const { option, address } of listeners) {
      if (address === undefined || address.port === 0) continue;
      const place = formatAddress(address.host, address.port);
      const other = taken.get(place);
      if (other !== undefined) throw new StartError(`${other} and ${option} are both ${place}; change one of them`);
      taken.set(place, option);
      try {
        held.push(Bun.listen({ hostname: address.host, port: address.port, socket: closing }));
      } catch (error) {
        throw new StartError(sentenceFor(option, place, error));
      }
    }
  } finally {
    for (const listener of held) listener.stop(true);
  }
}

function sentenceFor(option: string, place: string, error: unknown): string {
  const what = `${option}: cannot listen at ${place}`;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return `${what}: another program listens there; stop it, or choose another address with ${option}`;
    case "EACCES":
      return (
        `${what}: this user may not; choose a port from 1024 on with ${option}, or give the right ` +
        `(CAP_NET_BIND_SERVICE)`
      );
    case "EADDRNOTAVAIL":
      return `${what}: this machine does not have that address; choose another with ${option}`;
    default:
      return `${what}: ${sentenceOf(error)}; choose another address with ${option}`;
  }
}
