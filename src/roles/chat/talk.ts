// chat.user.talk and chat.group.talk: checked here, then handed to the pipeline that commits and pushes.

import { clientIdBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { validName } from "../../auth/names.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { MessageReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { readTalk } from "./talk-body.ts";
import type { TalkPipeline } from "./talk-pipeline.ts";

/** UTF-8 bytes are at most three for each UTF-16 unit: only what may be too long is measured. */
function isLongerThan(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

function addTalk(pipeline: TalkPipeline, limits: Limits, context: Context, toGroup: boolean): void {
  const { messageBodyBytes, messageExtraBytes } = limits.values;
  const request = readTalk(context.packet, context.bodyStart) ?? context.body(MessageReqSchema);
  if (isLongerThan(request.body, messageBodyBytes)) {
    limits.met("messageBodyBytes", { app: context.app, account: context.account });
    throw new Refusal(Status.PayloadTooLarge, `a message's body is at most ${messageBodyBytes} bytes`);
  }
  if (isLongerThan(request.extra, messageExtraBytes)) {
    limits.met("messageExtraBytes", { app: context.app, account: context.account });
    throw new Refusal(Status.PayloadTooLarge, `a message's extra is at most ${messageExtraBytes} bytes`);
  }
  if (isLongerThan(request.clientId, clientIdBytesMax)) {
    throw new Refusal(Status.InvalidPacketBody, `clientId is at most ${clientIdBytesMax} bytes`);
  }
  pipeline.add(context, {
    app: context.app,
    sender: context.account,
    toGroup,
    dest: context.dest,
    type: request.type,
    body: request.body,
    extra: request.extra,
    clientId: request.clientId,
  });
}

/** A message to an account: dest names it. It need not have signed in ever. */
export function userTalk(pipeline: TalkPipeline, limits: Limits): Handler {
  return (context) => {
    if (!validName(context.dest)) throw new Refusal(Status.NoDestination, "dest must name the receiver's account");
    addTalk(pipeline, limits, context, false);
  };
}

/** A message to a group: dest is its id. Whether the sender is a member is decided where it commits. */
export function groupTalk(pipeline: TalkPipeline, limits: Limits): Handler {
  return (context) => {
    if (context.dest === "") throw new Refusal(Status.NoDestination, "dest must be the group's id");
    addTalk(pipeline, limits, context, true);
  };
}
