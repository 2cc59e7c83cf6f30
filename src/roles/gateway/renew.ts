// login.renew: a connection that is signed in shows a new token, which counts in place of the one before. The gateway
// answers it by itself: who the client is does not change, so that the login service has nothing to learn.

import { create, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../../wire/body.ts";
import { Command } from "../../wire/commands.ts";
import { Flag, LoginRenewReqSchema, LoginRenewRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import { refuseRequest } from "./answer.ts";
import type { Channel } from "./channel.ts";
import type { Gateway } from "./gateway.ts";
import { ChannelState } from "./channel-state.ts";

/** Verifies the token of a LoginRenewReq. A refusal ends nothing: the token before is good until it expires. */
export function renewToken(gateway: Gateway, channel: Channel, sequence: number, body: Buffer): void {
  const { connection } = channel;
  const refuse = (status: Status, sentence: string): void =>
    refuseRenewal(gateway, channel, sequence, status, sentence);
  const request = decodeBody(LoginRenewReqSchema, body);
  if (request === undefined) {
    refuse(Status.InvalidPacketBody, "the body is not a LoginRenewReq");
    return;
  }
  // A token costs as much to verify as at a sign-in: one at a time, and within the same allowance.
  if (gateway.renewing.has(channel)) {
    refuse(Status.RateLimited, "this connection has a renewal under way already");
    return;
  }
  if (!gateway.limits.signIn(connection.remoteAddress)) {
    refuse(Status.RateLimited, "too many sign-ins from this address, try again later");
    return;
  }
  gateway.renewing.add(channel);
  channel.unanswered++;
  // A rejection here is a bug: verify answers a verdict for every token.
  verified(gateway, channel, sequence, request.token).catch((bug: unknown) => connection.fail(bug));
}

function refuseRenewal(gateway: Gateway, channel: Channel, sequence: number, status: Status, sentence: string): void {
  gateway.people.renewalRefused(channel, sentence);
  refuseRequest(gateway, channel, Command.Renew, sequence, status, sentence);
}

async function verified(gateway: Gateway, channel: Channel, sequence: number, token: string): Promise<void> {
  const { connection } = channel;
  const verdict = await gateway.verifier.verify(token, () => gateway.limits.chargeSignIn(connection.remoteAddress));
  gateway.renewing.delete(channel);
  channel.unanswered--;
  if (channel.state === ChannelState.Closed) return;
  const refuse = (reason: string): void => refuseRenewal(gateway, channel, sequence, Status.Unauthorized, reason);
  if (!verdict.ok) {
    refuse(verdict.reason);
    return;
  }
  const { app, account, issuedAt } = verdict;
  if (app !== channel.app || account !== channel.account) {
    refuse("the token is not of the account and app that this connection is signed in with");
    return;
  }
  const banned = gateway.revocations.bannedUntil(app, account);
  if (banned !== undefined) {
    refuse(`the account is banned ${banned}`);
    return;
  }
  if (gateway.revocations.refuses(app, account, issuedAt)) {
    refuse("the token was revoked; show one that was issued since");
    return;
  }
  channel.issuedAt = issuedAt;
  channel.key = verdict.key;
  channel.expiresAt = gateway.expiries.endOf(verdict.expiresAt);
  gateway.expiries.watch(channel);
  const expiresAt = BigInt(Math.floor(verdict.expiresAt));
  const body = toBinary(LoginRenewRespSchema, create(LoginRenewRespSchema, { expiresAt }));
  connection.send(
    encodeLogicPacket({ command: Command.Renew, channelId: channel.id, sequence, flag: Flag.Response }, body),
  );
}
