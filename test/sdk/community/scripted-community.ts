// Communities on a server that does what a test says.

import { Community } from "../../../src/sdk/community/community.ts";
import { RequestRefused } from "../../../src/sdk/client-errors.ts";
import { Messenger } from "../../../src/sdk/messenger/messenger.ts";
import { Command } from "../../../src/wire/commands.ts";
import {
  ConversationListRespSchema,
  PresenceReqSchema,
  PresenceStatesSchema,
  Status,
} from "../../../src/wire/gen/pkt_pb.ts";
import type { ScriptedPeer } from "../../support/scripted-peer.ts";
import { listed, peerWithFeature } from "../messenger/scripted-server.ts";
import { afterwards } from "../support.ts";

/** A peer, and a community on it; timers of 5 s are over at once. */
export async function start(): Promise<{ peer: ScriptedPeer; community: Community; client: Messenger }> {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(9n, 0)));
  const after = (delayMs: number, action: () => void): (() => void) => {
    const timer = setTimeout(action, delayMs === 5_000 ? 100 : delayMs);
    return () => clearTimeout(timer);
  };
  const client = await Messenger.connect(
    { url: peer.url, token: "a token", environment: { after, random: () => 0 } },
    Community.of,
  );
  afterwards(() => client.close(), true);
  return { peer, client, community: Community.of(client) };
}

/** What the peer was asked to watch and to unwatch: how many accounts a request. */
export function watches(
  peer: ScriptedPeer,
  refuses: (held: ReadonlySet<string>, accounts: readonly string[]) => boolean = () => false,
  status: Status = Status.Forbidden,
) {
  const [asked, held] = [[] as number[], new Set<string>()];
  peer.on(Command.PresenceWatch, (request) => {
    const { accounts } = request.body(PresenceReqSchema);
    asked.push(accounts.length);
    if (refuses(held, accounts)) return request.refuse(status, "too many");
    for (const account of accounts) held.add(account);
    request.respond(PresenceStatesSchema, { states: accounts.map((account) => ({ account, devices: 1 })) });
  });
  peer.on(Command.PresenceUnwatch, (request) => {
    const { accounts } = request.body(PresenceReqSchema);
    asked.push(-accounts.length);
    for (const account of accounts) held.delete(account);
    request.succeed();
  });
  return { asked, held };
}

/** Names of accounts. */
export const names = (count: number, prefix = "a"): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`);
/** The status with which a request is refused. */
export const statusOf = (request: Promise<unknown>): Promise<unknown> =>
  request.catch((error: unknown) => (error instanceof RequestRefused ? error.status : error));
