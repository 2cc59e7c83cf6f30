// The chat service: messages and groups.

import type { ChatControls } from "../../api/controls.ts";
import type { Runtime } from "../../base/runtime.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import type { MediaPlace } from "../../media/media-place.ts";
import { MediaSweep } from "../../media/media-sweep.ts";
import { Dispatcher } from "../../service/dispatcher.ts";
import { countRequests } from "../../service/middleware/count.ts";
import { recover } from "../../service/middleware/recover.ts";
import { requireConversations } from "../../service/middleware/feature.ts";
import { requireSession } from "../../service/middleware/session.ts";
import { type Handler, Router } from "../../service/router.ts";
import { Service } from "../../service/service.ts";
import { hookCommands } from "../../hooks/hook-commands.ts";
import { Hooks, type HookSettings } from "../../hooks/hooks.ts";
import type { ControlCommands } from "../../observe/control-commands.ts";
import type { ServiceMetrics, TalkLatency } from "../../observe/metrics.ts";
import type { Health } from "../../observe/operator-answers.ts";
import type { Sessions } from "../../session/sessions.ts";
import type { Store } from "../../store/store.ts";
import { encodeAnnouncement } from "../../wire/announcement.ts";
import { Command, type CommandName } from "../../wire/commands.ts";
import { AccountControls } from "../../service/account-controls.ts";
import { AccountRates } from "./account-rates.ts";
import { accountState } from "./account-state.ts";
import type { ChangeWindows, ChatParts } from "./chat-parts.ts";
import { ConnectionQuestions } from "./connection-questions.ts";
import { conversationClear } from "./conversation-clear.ts";
import { conversationList } from "./conversation-list.ts";
import { conversationRead } from "./conversation-read.ts";
import { conversationSet } from "./conversation-set.ts";
import { FanOut } from "./fan-out.ts";
import { FanOutAllowance } from "./fan-out-allowance.ts";
import { GroupAudience } from "./group-audience.ts";
import { askBeforeGroup } from "./groups/before-group.ts";
import { groupCommands } from "./groups/group-commands.ts";
import { groupCreate } from "./groups/group-create.ts";
import { groupDetail } from "./groups/group-detail.ts";
import { groupJoin, groupQuit } from "./groups/group-membership.ts";
import { history } from "./history.ts";
import { mediaTicket } from "./media/media-ticket.ts";
import { TalkMedia } from "./media/talk-media.ts";
import { messageEdit } from "./message-edit.ts";
import { messageHide } from "./message-hide.ts";
import { messageReact } from "./message-react.ts";
import { messageReaders } from "./message-readers.ts";
import { messageRecall } from "./message-recall.ts";
import { MissedPushes } from "./missed-pushes.ts";
import { Notices } from "./notices.ts";
import { offlineContent } from "./offline-content.ts";
import { offlineIndex } from "./offline-index.ts";
import { operatorCommands } from "./operator-commands.ts";
import { presenceCommands } from "./presence/presence-commands.ts";
import { Reads } from "./reads.ts";
import { peopleCommands } from "./people/people-commands.ts";
import { RevocationFeed } from "./revocation-feed.ts";
import { shortRequests } from "./short-requests.ts";
import { groupTalk, userTalk } from "./talk.ts";
import { talkAck } from "./talk-ack.ts";
import { TalkPipeline } from "./talk-pipeline.ts";
import { ToldChanges } from "./told-changes.ts";

/** The chat service of a process, with what its API does beside commands. */
class ChatService extends Service {
  readonly controls: ChatControls;

  constructor(controls: ChatControls, ...parts: ConstructorParameters<typeof Service>) {
    super(...parts);
    this.controls = controls;
  }
}

/** Assembles the chat service; the result accepts gateways' links. */
export function createChatService(
  assembly: Runtime &
    ChangeWindows &
    HookSettings & {
      store: Store;
      sessions: Sessions;
      /** Whether accounts may watch each other's presence. */
      presence: boolean;
      /** Where the content of files is; undefined: nowhere. */
      mediaPlace?: MediaPlace | undefined;
      /** As endpoints of webhooks are told. */
      version?: string | undefined;
      metrics: ServiceMetrics;
      latency: TalkLatency;
      limits: Limits;
      /** Receives the operators' commands that need the store. */
      control: ControlCommands;
      log: Log;
    },
): ChatService {
  const { store, sessions, metrics, latency, clock, timers, random, limits, control, log } = assembly;
  const { mediaPlace: media } = assembly;
  metrics.storeClock = () => store.clock;
  metrics.storeSize = () => store.size;
  metrics.storeLags = () => store.replication?.lags;
  const dispatcher = new Dispatcher();
  const audience = new GroupAudience(store, sessions);
  const rates = new AccountRates(limits, clock);
  const rareLog = new RareLog(log, clock);
  const allowance = new FanOutAllowance(limits, clock);
  const fanOut = new FanOut({ dispatcher, sessions, bytesMax: limits.values.fanOutBytes, soon: timers.soon });
  limits.measure("fanOutBytes", () => fanOut.bytes);
  const notices = new Notices({ audience, allowance, fanOut, limits, rareLog }, assembly);
  const missed = new MissedPushes({ audience, fanOut }, "all", timers);
  const missedEvents = new MissedPushes({ audience, fanOut }, "conversations", timers);
  const hooks = new Hooks({
    ...assembly,
    settings: assembly,
    bug: (bug) => metrics.bug(bug, "request", { command: "webhooks" }),
  });
  metrics.hooks = () => hooks.numbers;
  const parts: ChatParts = {
    store,
    sessions,
    dispatcher,
    audience,
    allowance,
    fanOut,
    notices,
    missed,
    missedEvents,
    told: new ToldChanges(),
    windows: assembly,
    reads: new Reads(limits, assembly),
    clock,
    timers,
    random,
    latency,
    metrics,
    limits,
    rates,
    before: hooks.before,
    rareLog,
    media,
  };
  const presence = presenceCommands(parts, assembly.presence);
  const pipeline = new TalkPipeline(parts);
  const sweep = media && new MediaSweep(store.media, media, assembly);
  const connections = new ConnectionQuestions(dispatcher, assembly);
  const feed = new RevocationFeed(store, dispatcher, metrics, assembly);
  control.add(hookCommands(hooks.desk));
  const accounts = new AccountControls({ store, sessions, feed, clock, limits, log });
  control.add(operatorCommands(accounts));
  const ofAll = [recover(parts), countRequests(metrics)];
  const ofSessions = [...ofAll, requireSession(sessions)];
  const router = new Router(ofSessions);
  router.handle(Command.Revocations, feed.send, ofAll);
  router.handle(Command.Connections, connections.answered, ofAll);
  const way = { pipeline, media: new TalkMedia(parts), limits };
  router.handle(Command.UserTalk, userTalk(way));
  router.handle(Command.GroupTalk, groupTalk(way));
  router.handle(Command.TalkAck, talkAck(parts));
  router.handle(Command.OfflineIndex, offlineIndex(parts));
  router.handle(Command.OfflineContent, offlineContent(parts));
  const ofGroup = askBeforeGroup(parts);
  router.handle(Command.GroupCreate, ofGroup(groupCreate(parts)));
  router.handle(Command.GroupJoin, ofGroup(groupJoin(parts)));
  router.handle(Command.GroupQuit, ofGroup(groupQuit(parts)));
  router.handle(Command.GroupDetail, groupDetail(parts));
  router.handle(Command.GroupMembers, groupDetail(parts));
  const ofConversations = [...ofSessions, requireConversations()];
  router.handle(Command.MessageEdit, messageEdit(parts), ofConversations);
  const ofShort = [...ofConversations, shortRequests()];
  const commands: readonly (readonly [CommandName, Handler, number?])[] = [
    [Command.ConversationList, conversationList(parts)],
    [Command.ConversationRead, conversationRead(parts)],
    [Command.ConversationSet, conversationSet(parts)],
    [Command.ConversationClear, conversationClear(parts)],
    [Command.History, history(parts)],
    [Command.MessageRecall, messageRecall(parts)],
    [Command.MessageHide, messageHide(parts)],
    [Command.MessageReact, messageReact(parts)],
    [Command.MessageReaders, messageReaders(parts)],
    [Command.AccountState, accountState(parts)],
    [Command.MediaTicket, mediaTicket(parts)],
    ...groupCommands(parts).map(([command, handler, ...rest]) => [command, ofGroup(handler), ...rest] as const),
    ...peopleCommands(parts),
    ...presence.commands,
  ];
  for (const [command, handler, bytesMax] of commands)
    router.handle(command, handler, bytesMax === undefined ? ofShort : [...ofConversations, shortRequests(bytesMax)]);
  const controls: ChatControls = {
    accounts,
    webhooks: hooks.desk,
    connections,
    announce: (announcement) => dispatcher.tellAll(Command.Announce, encodeAnnouncement(announcement)),
  };
  return new ChatService(controls, {
    clock,
    timers,
    router,
    dispatcher,
    log,
    stores: () => ({ sessions: sessions.identity, messages: store.identity }),
    prepared: async () => {
      await Promise.all([hooks.start(), feed.look()]);
    },
    gatewayLinked: (gateway) => feed.linked(gateway),
    gatewayLost: (gateway) => {
      feed.lost(gateway);
      presence.gatewayLost(gateway);
    },
    settled: async () => {
      feed.stop();
      notices.flush();
      await Promise.all([presence.stop(), fanOut.settled(), sweep?.stop(), hooks.stop()]);
    },
  });
}

/** Returns the store's part of /health. A wrong clock does not make the service unready. */
export function storeDetail({ isHealthy, trouble, replication, clock }: Store): Health["detail"] {
  return {
    store: isHealthy,
    ...(trouble === "" ? {} : { storeTrouble: trouble }),
    ...(replication?.primary !== undefined && {
      storePrimary: replication.primary,
      storeStandbys: replication.standbys,
    }),
    idsAheadSeconds: Math.ceil(clock.idsAheadMs / 1000),
    purgeWaitSeconds: Math.ceil(clock.purgeWaitMs / 1000),
  };
}
