// chat.user.talk and chat.group.talk: checked here, then handed to the pipeline that commits and pushes.

import type { Limits } from "../../base/limits/limits.ts";
import { systemAccount, validName } from "../../auth/names.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { Talk } from "../../store/store.ts";
import { hasConversations } from "../../wire/features.ts";
import { MessageReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { checkedMedia, type TalkMedia } from "./media/talk-media.ts";
import { readTalk, type TalkBody } from "./talk-body.ts";
import type { TalkPipeline } from "./talk-pipeline.ts";
import { checkedMentions, checkTexts } from "./text-bounds.ts";

const none: readonly string[] = [];

/** Where talks go: those that name files, and those that follow one of their sender, wait in `media` first. */
interface TalkWay {
  readonly pipeline: TalkPipeline;
  readonly media: TalkMedia;
  readonly limits: Limits;
}

function addTalk({ pipeline, media, limits }: TalkWay, context: Context, toGroup: boolean): void {
  const isPlain = !hasConversations(context.location.features);
  const request: TalkBody = readTalk(context.packet, context.bodyStart, isPlain) ?? context.body(MessageReqSchema);
  checkTexts(limits, context, request);
  const { type, body, extra, clientId, mentions, replyTo, media: ids } = request;
  const { app, account: sender, dest } = context;
  const talk: Talk = { app, sender, toGroup, dest, type, body, extra, clientId };
  if (isPlain || mentions === undefined || replyTo === undefined || ids === undefined) {
    addBehind(pipeline, media, context, talk, none);
    return;
  }
  if (replyTo < 0n) throw new Refusal(Status.InvalidPacketBody, "replyTo must not be negative");
  const linked = { ...talk, mentions: checkedMentions(mentions, toGroup), replyTo };
  addBehind(pipeline, media, context, linked, checkedMedia(ids));
}

function addBehind(
  pipeline: TalkPipeline,
  media: TalkMedia,
  context: Context,
  talk: Talk,
  ids: readonly string[],
): void {
  if (ids.length > 0 || media.holds(talk.app, talk.sender))
    media.add(context, talk, ids, (ready) => pipeline.add(context, ready));
  else pipeline.add(context, talk);
}

/** A message to an account: dest names it. It need not have signed in ever. */
export function userTalk(way: TalkWay): Handler {
  return (context) => {
    if (!validName(context.dest)) throw new Refusal(Status.NoDestination, "dest must name the receiver's account");
    if (context.dest === systemAccount)
      throw new Refusal(Status.Forbidden, `${systemAccount} is the system, which reads no messages`);
    addTalk(way, context, false);
  };
}

/** A message to a group: dest is its id. Whether the sender is a member is decided where it commits. */
export function groupTalk(way: TalkWay): Handler {
  return (context) => {
    if (context.dest === "") throw new Refusal(Status.NoDestination, "dest must be the group's id");
    addTalk(way, context, true);
  };
}
