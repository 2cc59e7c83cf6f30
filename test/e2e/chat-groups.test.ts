// A group's whole life in three terminals, across a restart, of one process and of a cluster; then blocks, and what two
// devices agree on.

import { test } from "bun:test";
import { roost, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { endings } from "../support/endings.ts";
import { PseudoTerminal } from "../support/pseudo-terminal.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ends = endings();

/** What the terminals talk to: one process, or several behind addresses of gateways. */
interface Place {
  /** Holds the secret, and is the terminals' home. */
  readonly data: string;
  /** Terminals take them in turn. */
  readonly urls: readonly string[];
  /** Ends what serves, and starts it again at the same addresses. */
  restart(): Promise<void>;
}

async function standalone(): Promise<Place> {
  const data = temporaryFolder("roost-chat-groups-");
  let server = await ServerProcess.start(data, ["--data", data]);
  ends.push(() => server.end("SIGTERM"));
  const { ws } = server;
  return {
    data,
    urls: [ws],
    async restart() {
      await server.end("SIGTERM");
      server = await ServerProcess.start(data, ["--data", data, "--ws", ws.slice("ws://".length)]);
    },
  };
}

/** Two gateways and two chat nodes: of three terminals, two share neither. */
async function cluster(): Promise<Place> {
  const stage = await ClusterStage.start({ gateways: 2, chats: 2 });
  ends.push(() => stage.close());
  const { cluster: processes } = stage;
  const restarted = [...processes.names("gateway"), ...processes.names("chat")];
  return {
    data: stage.folder,
    urls: processes.gateways.map(({ ws }) => `ws://${ws}`),
    async restart() {
      await Promise.all(restarted.map((name) => processes.end(name, "SIGTERM")));
      await Promise.all(restarted.map((name) => processes.start(name)));
    },
  };
}

let opened = 0;

async function open({ data, urls }: Place, account: string, device = "desk"): Promise<PseudoTerminal> {
  const url = urls[opened++ % urls.length] ?? "";
  const words = ["chat", "--data", data, "--url", url, "--account", account, "--device", device];
  const terminal = new PseudoTerminal([...roost, ...words], 120, 60, { HOME: data });
  ends.push(() => terminal.close());
  await seen(">", terminal);
  return terminal;
}

/** Waits for a text on each of these screens, where a row ends anywhere. */
async function seen(text: string, ...terminals: readonly PseudoTerminal[]): Promise<void> {
  for (const terminal of terminals)
    await until(() => terminal.screen.lines.join("\n").includes(text), `the text: ${text}`).catch((error: unknown) => {
      throw new Error(terminal.screen.lines.join("\n"), { cause: error });
    });
}

/** Types a line, and waits for its answer. */
async function said(terminal: PseudoTerminal, line: string, answer: string): Promise<void> {
  terminal.type(`${line}\r`);
  await seen(answer, terminal);
}

/** Returns what stands behind a text on a screen. */
function behind(terminal: PseudoTerminal, text: string): string {
  const line = terminal.screen.lines.findLast((one) => one.includes(text)) ?? "";
  return line.slice(line.indexOf(text) + text.length).trim();
}

const places = { "one process": standalone, "two gateways and two chat nodes": cluster };
for (const [name, start] of Object.entries(places)) {
  test(`three terminals run a group through its life, across a restart of ${name}`, async () => {
    await groupLife(await start());
  }, 180_000);
}

async function groupLife(place: Place): Promise<void> {
  const ann = await open(place, "ann");
  const bob = await open(place, "bob");
  const cyd = await open(place, "cyd");

  await said(bob, "/name Bob Lee", '* others see you as bob "Bob Lee"');
  await said(ann, "/group create team", "others can join it with: /group join ");
  const id = behind(ann, "/group join ");
  await said(ann, "/group add bob", "* you added bob to team");
  await seen("* you are in group team: ann added you", bob);
  await said(ann, "/group set closed on", "* you changed the settings of team: closed, others join by invitation");
  await said(cyd, `/group join ${id}`, "! ");
  await said(ann, "/group invite 1", "others can join with: /group join ");
  const code = behind(ann, "others can join with: /group join ");
  await said(cyd, `/group join ${code}`, "* you are in group team");
  await seen("* cyd joined team", ann, bob);
  await said(ann, "/who", 'ann (owner, online), bob "Bob Lee" (online), cyd (online)');

  await said(ann, "/group admin bob", "* you made bob an admin of team");
  await seen("* ann made you an admin of team", bob);
  await seen("* ann made bob an admin of team", cyd);
  await said(bob, "/group use team", "[team]>");
  await said(bob, "/group admin cyd", "! only the owner of a group changes roles");
  await said(bob, "/group mute cyd", "* you muted cyd in team until ");
  await seen("* bob muted you in team until ", cyd);
  await said(cyd, "hello?", "! not stored: hello?");
  await said(bob, "/group mute cyd off", "* you unmuted cyd in team");
  await said(cyd, "hello again", "✓ cyd: hello again");
  await said(ann, "/group set announcement lunch at noon", "* you set the announcement of team: lunch at noon");
  await seen("* ann set the announcement of team: lunch at noon", bob, cyd);
  await said(cyd, "/group alias The Cat", "* you have another name in team");
  await said(cyd, "/group alias", '* your name in team is "The Cat"');
  await said(bob, "who is hungry?", "✓ bob: who is hungry?");
  await seen('bob "Bob Lee": who is hungry?', ann, cyd);

  await place.restart();
  await seen("* the connection is back", ann, bob, cyd);

  const number = /#(\d+) .*hello again/.exec(ann.screen.lines.join("\n"))?.[1] ?? "";
  await said(ann, `/pin #${number}`, `* you pinned #${number} for everybody`);
  await seen("* ann pinned #", bob, cyd);
  await said(bob, "/pinned", "cyd: hello again");
  await said(bob, "/group info", "* announcement: lunch at noon");
  await seen('cyd (here "The Cat", online)', bob);

  // While somebody types, the prompt of the others says so.
  for (const other of [ann, bob])
    await until(() => {
      cyd.type("o");
      return other.count("[team] cyd is typing>") > 0;
    }, "who is typing");
  cyd.type("h\r");
  await seen("oh", ann, bob);
  await until(() => ann.count("is typing") === 0, "the end of the typing");

  await said(ann, "/group transfer bob", "* you made bob the owner of team");
  await said(bob, "/kick cyd", "* you removed cyd from team");
  await seen("* you are not in group team any more: bob removed you", cyd);
  await said(bob, "/group set closed off", "* you changed the settings of team: open to everybody who knows its id");
  await said(bob, "/group set approval on", "who wants to join asks, and an admin answers");
  await said(cyd, `/group request ${id} please`, "* you have asked to join");
  await seen("* cyd asks to join team (/group accept or /group decline): please", ann, bob);
  await said(cyd, `/group withdraw ${id}`, "* you do not ask to join it any more");
  await seen("* cyd does not ask to join team any more", ann, bob);
  await said(cyd, `/group request ${id} I am sorry`, "* you have asked to join");
  await seen("* cyd asks to join team (/group accept or /group decline): I am sorry", ann, bob);
  await said(bob, "/group requests", ": I am sorry");
  await said(ann, "/group accept cyd", "* you added cyd to team");
  await seen("* you are in group team: ann added you", cyd);
  await said(bob, "/group set name the crew", '* you named the group "the crew"');
  await seen('* bob named the group "the crew"', ann, cyd);
  await seen('["the crew"]>', ann, bob, cyd);
  await said(cyd, "/groups", '* "the crew"  ');
  await said(bob, "/group dismiss", "then type /group dismiss yes");
  await said(bob, "/group dismiss yes", '* you dismissed group "the crew"');
  await seen('* bob dismissed group "the crew"', ann, cyd);
  await said(ann, "/groups", "* you are in no groups");
}

test("blocks and settings hold, and another device of the account tells of them", async () => {
  const place = await standalone();
  const [ann, phone, bob] = [await open(place, "ann"), await open(place, "ann", "phone"), await open(place, "bob")];
  await said(ann, "/block bob", "* you blocked bob");
  await seen("* you blocked bob", phone);
  await said(phone, "/blocked", "* bob");
  await said(bob, "/to ann", "* no messages with ann yet");
  await said(bob, "hello", "! it was refused: the account does not let you write to it");
  await said(phone, "/unblock bob", "* you do not block bob any more");
  await seen("* you do not block bob any more", ann);
  await said(ann, "/allow add nobody", "who may add you to groups: nobody");
  await seen("who may add you to groups: nobody", phone);
  await said(bob, "/group create team ann", "* not added, ");
  await said(bob, "/group add ann", "* not added, because they do not let you (try /group invite): ann");
  await said(ann, "/name \u202eevil", "! ");
  await said(ann, "/name Ann", '* others see you as ann "Ann"');
  await said(bob, "/to ann", "ann>");
  await said(bob, "/retry", "✓ bob: hello");
  await seen("[to you] bob: hello", ann, phone);
  await said(bob, "/who", '* ann "Ann" (online on 2 devices)');
  // Whom one blocks sees it as somebody who was never there.
  await said(phone, "/block bob", "* you blocked bob");
  await until(() => {
    bob.type("/who\r");
    return bob.count('* ann "Ann" (not seen)') > 0;
  }, "the end of what bob sees of ann");
}, 120_000);
