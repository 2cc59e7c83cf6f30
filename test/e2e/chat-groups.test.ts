// A group's whole life in three terminals, across a restart of the server, or of all gateways and chat nodes of a
// cluster with PostgreSQL; then blocks, and what two devices agree on.

import { expect, test } from "bun:test";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
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

/** Two gateways and two chat nodes. */
async function clustered(): Promise<Place> {
  const postgres = await PostgresServer.start();
  ends.push(() => postgres.stop());
  const stage = await ClusterStage.start({ gateways: 2, chats: 2 }, { store: await postgres.makeDatabase() });
  ends.push(() => stage.close());
  const { cluster, folder } = stage;
  return {
    data: folder,
    urls: cluster.gateways.map(({ ws }) => `ws://${ws}`),
    async restart() {
      const names = ["chat-1", "chat-2", "gateway-1", "gateway-2"];
      for (const name of names) await cluster.end(name, "SIGTERM");
      for (const name of names) await cluster.start(name);
      await cluster.ready();
    },
  };
}

const places = [["a server", standalone] as const, ...(hasPostgres ? [["a cluster", clustered] as const] : [])];

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

test.each(places)(
  "three terminals run a group through its life, across a restart of %s",
  async (_, start) => {
    const place = await start();
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
    await said(bob, "/group admin cyd", "! ");
    await said(bob, "/group mute cyd", "* you muted cyd in team until ");
    await seen("* bob muted you in team until ", cyd);
    await said(cyd, "hello?", "! ");
    await said(bob, "/group mute cyd off", "* you let cyd talk again in team");
    await said(cyd, "hello again", "✓ cyd: hello again");
    await said(ann, "/group set announcement lunch at noon", "* you set the announcement of team: lunch at noon");
    await seen("* ann set the announcement of team: lunch at noon", bob, cyd);
    await said(cyd, "/group alias The Cat", "* you have another name in team");

    await place.restart();
    await seen("* the connection is back", ann, bob, cyd);

    const number = /#(\d+) .*hello again/.exec(ann.screen.lines.join("\n"))?.[1] ?? "";
    await said(ann, `/pin #${number}`, `* you pinned #${number} for everybody`);
    await seen("* ann pinned #", bob, cyd);
    await said(bob, "/pinned", "cyd: hello again");
    await said(bob, "/group info", "* announcement: lunch at noon");
    await seen('cyd (here "The Cat", online)', bob);

    // While somebody types, the prompt of the others says so.
    // The server passes on a signal each two seconds, so that one soon after another message tells nothing.
    await until(() => {
      cyd.type("a");
      return [ann, bob].every((terminal) => terminal.count("[team] cyd is typing>") > 0);
    }, "the typing");
    cyd.type(" long thought\r");
    await seen(" long thought", ann, bob);
    await until(() => ann.count("is typing") === 0, "the end of the typing");

    await said(ann, "/group transfer bob", "* you made bob the owner of team");
    await said(bob, "/group kick cyd", "* you removed cyd from team");
    await seen("* you are not in group team any more: bob removed you", cyd);
    await said(bob, "/group set closed off", "* you changed the settings of team: open to everybody who knows its id");
    await said(bob, "/group set approval on", "who wants to join asks, and an admin answers");
    await said(cyd, `/group request ${id} I am sorry`, "* you have asked to join");
    await seen("* cyd asks to join team (/group accept or /group decline): I am sorry", ann, bob);
    await said(bob, "/group requests", ": I am sorry");
    await said(ann, "/group accept cyd", "* you added cyd to team");
    await seen("* you are in group team: ann added you", cyd);
    await said(bob, "/group set name the crew", '* you named the group "the crew"');
    await seen('* bob named the group "the crew"', ann, cyd);
    await said(cyd, "/groups", '* "the crew"  ');
    await said(bob, "/group dismiss", "then type /group dismiss yes");
    await said(bob, "/group dismiss yes", '* you dismissed group "the crew"');
    await seen('* bob dismissed group "the crew"', ann, cyd);
    await said(ann, "/groups", "* you are in no groups");
  },
  120_000,
);

test("blocks and settings hold, and another device of the account tells of them", async () => {
  const place = await standalone();
  const [ann, phone, bob] = [await open(place, "ann"), await open(place, "ann", "phone"), await open(place, "bob")];
  // Whoever has written to an account may see whether it is there.
  await said(ann, "/to bob", "bob>");
  await said(ann, "good morning", "✓ ann: good morning");
  await said(ann, "/block bob", "* you blocked bob");
  await seen("* you blocked bob", phone);
  await said(phone, "/blocked", "* bob");
  await said(bob, "/to ann", "ann: good morning");
  await said(bob, "hello", "! ");
  await said(bob, "/who", "* ann (offline)");
  await said(phone, "/unblock bob", "* you do not block bob any more");
  await seen("* you do not block bob any more", ann);
  await said(ann, "/allow add nobody", "who may add you to groups: nobody");
  await seen("who may add you to groups: nobody", phone);
  await said(bob, "/group create team ann", "* not added, ");
  await said(bob, "/group add ann", "* not added, because they do not let you (try /group invite): ann");
  await said(ann, "/name \u202eevil", "! ");
  await said(ann, "/name Ann", '* others see you as ann "Ann"');
  await said(bob, "/to ann", "ann>");
  // Profiles are kept for minutes: this device knows the former one.
  await said(bob, "/who", "* ann (online on 2 devices)");
  const tablet = await open(place, "bob", "tablet");
  await said(tablet, "/to ann", "ann>");
  await said(tablet, "/who", '* ann "Ann" (online on 2 devices)');
  expect(ann.count("bob: hello")).toBe(0);
}, 120_000);
