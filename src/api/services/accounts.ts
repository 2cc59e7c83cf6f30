// Accounts: profiles, devices, tokens and bans.

import { Code, ConnectError } from "@connectrpc/connect";
import { systemAccount } from "../../auth/names.ts";
import { banMsMax } from "../../base/limits/fixed.ts";
import { checkSignal } from "../../service/signal-rule.ts";
import { Accounts } from "../../wire/gen/api_pb.ts";
import * as pkt from "../../wire/gen/pkt_pb.ts";
import { Command } from "../../wire/commands.ts";
import { type ApiCall, personName } from "../api-call.ts";
import type { ApiParts } from "../api-parts.ts";
import { askFor } from "../chat-calls.ts";
import { invalid } from "../codes.ts";
import { type Method, unary } from "../method.ts";

const { method } = Accounts;

const tokenSecondsDefault = 3_600n;
/** The largest time that a Date has, in seconds. */
const secondsMax = BigInt(Math.floor(banMsMax / 1_000));

export function accounts(parts: ApiParts): readonly Method[] {
  const { sessions, store, node, clock } = parts;
  const { controls } = parts.chat;
  const of = (call: ApiCall, account: string) => ({ app: call.app, account: personName("account", account) });
  return [
    unary(method.setProfile, async ({ account, name, avatar, extra }, call) => {
      const { version } = await askFor(
        parts,
        call,
        {
          command: Command.AccountSetProfile,
          account: personName("account", account),
          schema: pkt.ProfileSetReqSchema,
          request: {
            ...(name !== undefined && { name }),
            ...(avatar !== undefined && { avatar }),
            ...(extra !== undefined && { extra }),
          },
        },
        pkt.AccountStateChangeSchema,
      );
      return { version };
    }),
    unary(method.getProfiles, async ({ accounts: named }, call) => {
      const { profiles } = await askFor(
        parts,
        call,
        {
          command: Command.AccountProfile,
          account: systemAccount,
          schema: pkt.ProfileReqSchema,
          request: { accounts: named },
        },
        pkt.ProfileRespSchema,
      );
      return { profiles };
    }),
    unary(method.sessions, async ({ account }, call) => {
      const { app, account: whose } = of(call, account);
      const [locations = []] = await sessions.locate(app, [whose]);
      const facts = await controls.connections.about(locations);
      return {
        sessions: locations.map(({ channelId, device, gateway }) => {
          const { ageMs, address = "" } = facts.get(channelId) ?? {};
          const since = ageMs === undefined ? 0n : secondsOf(clock.wallMs() - ageMs);
          return { channelId, device, gateway, since, address };
        }),
      };
    }),
    unary(method.presence, async ({ accounts: named }, call) => {
      for (const account of named) personName("each of accounts", account);
      const { app } = call;
      const [located, minutes] = await Promise.all([sessions.locate(app, named), store.people.lastSeen(app, named)]);
      const states = named.map((account, at) => {
        const devices = located[at]?.length ?? 0;
        return { account, devices, lastSeen: devices > 0 ? 0n : BigInt(minutes[at] ?? 0) * 60n };
      });
      return { states };
    }),
    unary(method.kick, async ({ account, device }, call) => {
      const { connections } = await controls.accounts.kick(of(call, account), device);
      return { sessions: connections ?? 0 };
    }),
    unary(method.issueToken, async ({ account, expiresIn }, call) => {
      if (expiresIn < 0n) throw invalid("expiresIn must not be negative");
      const ttlSeconds = Number(expiresIn === 0n ? tokenSecondsDefault : expiresIn);
      const issued = await node.tokens?.issue({ ...of(call, account), ttlSeconds }, clock.wallMs());
      if (issued === undefined)
        throw new ConnectError(
          "this node has no secret for tokens of the app: ask a node with --secret-file, or the app's issuer",
          Code.FailedPrecondition,
        );
      return { token: issued.token, expiresAt: BigInt(issued.expiresAt) };
    }),
    unary(method.revokeTokens, async ({ account, before }, call) => {
      const { beforeMs } = await controls.accounts.revoke(of(call, account), before === 0n ? undefined : msOf(before));
      return { before: secondsOf(beforeMs) };
    }),
    unary(method.ban, async ({ account, until }, call) => {
      const { untilMs } = await controls.accounts.ban(of(call, account), until === 0n ? undefined : msOf(until));
      return { until: untilMs >= banMsMax ? 0n : secondsOf(untilMs) };
    }),
    unary(method.unban, async ({ account }, call) => ({ wasBanned: await controls.accounts.unban(of(call, account)) })),
    unary(method.announce, async ({ kind, body }, call) => {
      checkSignal(kind, body);
      return { gateways: controls.announce({ app: call.app, sender: systemAccount, kind, body }) };
    }),
  ];
}

/** Milliseconds of a time in seconds. Throws InvalidArgument beyond the year 9999. */
function msOf(seconds: bigint): number {
  if (seconds < 0n || seconds > secondsMax)
    throw invalid("a time is in seconds since 1970, not after the year 9999, and not in milliseconds");
  return Number(seconds) * 1_000;
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1_000));
}
