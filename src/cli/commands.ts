// The table of commands. citty dispatches them; OptionValues parses their arguments, because citty accepts unknown
// options, and the last of several values.

import { defineCommand, runCommand } from "citty";
import { printHelp, printLines, saidLine, say, written } from "./command-output.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import type { Definition } from "./help.ts";
import { OptionValues } from "./option-values.ts";
import { optionsOf } from "./command-options.ts";
import type { Operand } from "./option-texts.ts";
import { type Role, roles } from "../options/option.ts";
import type { OptionName } from "../options/options.ts";
import { linesTo } from "./standard-streams.ts";
import { StartError, UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

interface Command {
  readonly meta: Definition["meta"];
  readonly options: readonly OptionName[];
  readonly operands: readonly Operand[];
  /** Resolves with an exit status; undefined if the process continues. */
  run(values: OptionValues): Promise<number | undefined>;
}

function command(
  name: string,
  description: string,
  names: readonly OptionName[],
  run: Command["run"],
  ...operands: readonly Operand[]
): Command {
  return { meta: { name, description }, options: names, operands, run };
}

const done = (work: Promise<void>, status: number | undefined): Promise<number | undefined> => work.then(() => status);

/** The code of a command is loaded on demand, so that each starts fast. */
const commands: Readonly<Record<string, Command>> = {
  serve: command("serve", "Start the server (the default command)", optionsOf.serve, async (values) =>
    done((await import("./serve.ts")).serve(values), undefined),
  ),
  token: command(
    "token",
    "Print a token for a client, signed with the server's secret",
    optionsOf.token,
    async (values) => done((await import("./token.ts")).printToken(values), 0),
  ),
  nodes: command("nodes", "Print the instances in a registry", optionsOf.nodes, async (values) =>
    done((await import("./nodes.ts")).nodes(values), 0),
  ),
  limits: command(
    "limits",
    "Print the limits of a running server and their use, or the limits of a role",
    optionsOf.limits,
    async (values) => done((await import("./limits.ts")).limits(values), 0),
  ),
  doctor: command(
    "doctor",
    "Check whether a server with these options would serve well on this machine, and whether a running one does",
    optionsOf.doctor,
    async (values) => (await import("./doctor.ts")).doctor(values),
  ),
  kick: command(
    "kick",
    "Close the connections of an account, or of one of its devices, on all gateways; its tokens stay valid",
    optionsOf.kick,
    async (values) => done((await import("./revoke.ts")).kick(values), 0),
  ),
  revoke: command(
    "revoke",
    "Refuse the tokens of an account that were issued until now, and close the connections that use them",
    optionsOf.revoke,
    async (values) => done((await import("./revoke.ts")).revoke(values), 0),
  ),
  ban: command(
    "ban",
    "Let an account sign in no more, refuse its tokens, and close its connections",
    optionsOf.ban,
    async (values) => done((await import("./revoke.ts")).ban(values), 0),
  ),
  unban: command(
    "unban",
    "End the ban of an account; its former tokens stay refused",
    optionsOf.unban,
    async (values) => done((await import("./revoke.ts")).unban(values), 0),
  ),
  "key create": command(
    "key create",
    "Make a key for the HTTP API, and print it this once",
    optionsOf["key create"],
    async (values) => done((await import("./key.ts")).createKey(values), 0),
  ),
  "key list": command(
    "key list",
    "Print the keys for the HTTP API, without their texts",
    optionsOf["key list"],
    async (values) => done((await import("./key.ts")).listKeys(values), 0),
  ),
  "key revoke": command(
    "key revoke",
    "Refuse a key for the HTTP API everywhere, for good",
    optionsOf["key revoke"],
    async (values) => done((await import("./key.ts")).revokeKey(values), 0),
    { name: "ID", help: "Id of the key, as roost key list prints it" },
  ),
  "webhook set": command(
    "webhook set",
    "Create or change a webhook of an app, and print its secret",
    optionsOf["webhook set"],
    async (values) => done((await import("./webhook.ts")).setWebhook(values), 0),
    { name: "NAME", help: "Name of the webhook within its app" },
  ),
  "webhook remove": command(
    "webhook remove",
    "Remove a webhook, with what it was not told yet",
    optionsOf["webhook remove"],
    async (values) => done((await import("./webhook.ts")).removeWebhook(values), 0),
    { name: "NAME", help: "Name of the webhook within its app" },
  ),
  "webhook list": command(
    "webhook list",
    "Print the webhooks, and how far each was told",
    optionsOf["webhook list"],
    async (values) => done((await import("./webhook.ts")).listWebhooks(values), 0),
  ),
  "webhook test": command(
    "webhook test",
    "Send a webhook an event of the type webhook.test",
    optionsOf["webhook test"],
    async (values) => done((await import("./webhook.ts")).testWebhook(values), 0),
    { name: "NAME", help: "Name of the webhook within its app" },
  ),
  "webhook dead": command(
    "webhook dead",
    "Print what a webhook did not accept for a day, or refused",
    optionsOf["webhook dead"],
    async (values) => done((await import("./webhook.ts")).deadWebhooks(values), 0),
    { name: "NAME", help: "Name of the webhook within its app" },
  ),
  "webhook replay": command(
    "webhook replay",
    "Tell a webhook again what was given up",
    optionsOf["webhook replay"],
    async (values) => done((await import("./webhook.ts")).replayWebhook(values), 0),
    { name: "NAME", help: "Name of the webhook within its app" },
  ),
  chat: command("chat", "Chat in a terminal, or through a pipe", optionsOf.chat, async (values) =>
    (await import("./chat.ts")).chat(values),
  ),
  demo: command(
    "demo",
    "Fill a server with people who do not exist, and their conversations, to see it alive (default app: demo)",
    optionsOf.demo,
    async (values) => (await import("./demo.ts")).demo(values),
  ),
  api: command(
    "api",
    "Call the HTTP API for back ends; without a method, or with the beginning of one, list the methods",
    optionsOf.api,
    async (values) => (await import("./api.ts")).api(values),
    { name: "METHOD", help: "Method such as Messages/Send", isOptional: true },
    { name: "JSON", help: "The request; - reads it from standard input (default: {})", isOptional: true },
  ),
  export: command(
    "export",
    "Write an app, an account or a group as JSON lines; a file that is there is gone on with",
    optionsOf.export,
    async (values) => done((await import("./export.ts")).exportRecords(values), 0),
    { name: "FILE", help: "File to write, or - for standard output" },
  ),
  import: command(
    "import",
    "Store the JSON lines of an export in an app that nobody has used; a repetition goes on where it was",
    optionsOf.import,
    async (values) => done((await import("./import/import.ts")).importRecords(values), 0),
    { name: "FILE", help: "File to read" },
  ),
  backup: command(
    "backup",
    "Copy the messages into a file while the server runs, and verify the copy",
    optionsOf.backup,
    async (values) => done((await import("./backup.ts")).backup(values), 0),
    { name: "FILE", help: "File to create, or - for standard output" },
  ),
  restore: command(
    "restore",
    "Replace the messages by a backup; the server must not run",
    optionsOf.restore,
    async (values) => done((await import("./restore.ts")).restore(values), 0),
    { name: "FILE", help: "File that roost backup made, or - for standard input", isOptional: true },
  ),
  check: command(
    "check",
    "Verify the messages and their index, whether the server runs or not",
    optionsOf.check,
    async (values) => (await import("./check.ts")).check(values),
  ),
  repair: command(
    "repair",
    "Rebuild a damaged index, or save what can be read of damaged messages; the server must not run",
    optionsOf.repair,
    async (values) => done((await import("./repair.ts")).repair(values), 0),
  ),
  purge: command(
    "purge",
    "Count the messages older than the retention, or delete them now",
    optionsOf.purge,
    async (values) => done((await import("./purge.ts")).purge(values), 0),
  ),
  cert: command(
    "cert",
    "Make the private authority of a cluster and certificates for its nodes, and renew those that expire soon",
    optionsOf.cert,
    async (values) => done((await import("./cert.ts")).cert(values), 0),
  ),
  "cert show": command(
    "cert show",
    "Print what a file of certificates holds, and whether the private key fits",
    optionsOf["cert show"],
    async (values) => (await import("./cert/show.ts")).showCertificates(values),
    { name: "FILE", help: "PEM file; its key is in it, or beside it with the ending .key" },
  ),
  version: command("version", "Print the version", [], () =>
    done(printLines([`roost ${version} (Bun ${Bun.version})`]), 0),
  ),
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a command line; resolves with the exit status when all is written; with undefined while the server runs. */
export async function runCommandLine(words: readonly string[], environment: Environment): Promise<number | undefined> {
  // A server must not use process.stderr, which makes a shared pipe non-blocking.
  if (isServer(words)) {
    return execute(words, environment, (sentence) =>
      linesTo(2, () => saidLine("lines were lost")).write(saidLine(sentence)),
    );
  }
  const status = await execute(words, environment, say);
  await written();
  return status;
}

function isHelp(words: readonly string[]): boolean {
  return words.includes("--help") || words.includes("-h") || words[0] === "help";
}

/** Returns the role that the words name; undefined if they name none, or an unknown one. */
function roleIn(words: readonly string[]): Role | undefined {
  const at = words.findIndex((word) => word === "--role" || word.startsWith("--role="));
  const named = words[at] === "--role" ? words[at + 1] : words[at]?.slice("--role=".length);
  return at === -1 ? undefined : roles.find((role) => role === named);
}

function isVersion(words: readonly string[]): boolean {
  return words.length === 1 && (words[0] === "--version" || words[0] === "-v");
}

function isServer(words: readonly string[]): boolean {
  const [first] = words;
  return (first === undefined || first.startsWith("-") || first === "serve") && !isHelp(words) && !isVersion(words);
}

/** Runs a command; resolves with its status. */
async function dispatch(
  name: string,
  chosen: Command,
  words: readonly string[],
  environment: Environment,
): Promise<number | undefined> {
  const { meta, options, operands } = chosen;
  let status: number | undefined;
  const runs = async ({ rawArgs }: { readonly rawArgs: readonly string[] }): Promise<void> => {
    const values = new OptionValues(options, rawArgs, environment, ...operands);
    // A server logs the warnings, and the doctor finds them.
    if (name !== "serve" && name !== "doctor") for (const warning of values.warnings) say(warning);
    status = await chosen.run(values);
  };
  const subCommands = { [name]: defineCommand({ meta, run: runs }) };
  await runCommand(defineCommand({ meta: { name: "roost", version }, subCommands }), { rawArgs: [name, ...words] });
  return status;
}

/** Runs a command or prints help; `complain` receives the sentence of a failure. */
async function execute(
  words: readonly string[],
  environment: Environment,
  complain: (sentence: string) => void,
): Promise<number | undefined> {
  if (isVersion(words)) return execute(["version"], {}, complain);
  // `roost help kick` is `roost kick --help`.
  const asked = words[0] === "help" ? words.slice(1) : words;
  const [first] = asked;
  const isNamed = first !== undefined && !first.startsWith("-");
  const two = asked.slice(0, 2).join(" ");
  const isTwo = asked.length > 1 && Object.hasOwn(commands, two);
  const name = isTwo ? two : isNamed ? first : "serve";
  const rest = asked.slice(isTwo ? 2 : isNamed ? 1 : 0);
  const chosen = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (chosen === undefined)
      throw new UsageError(
        `unknown command ${JSON.stringify(name)}${didYouMean(name, Object.keys(commands))}; expected one of ` +
          Object.keys(commands).join(", "),
      );
    if (isHelp(words)) {
      const isServe = !isNamed && asked.some((word) => word !== "--help" && word !== "-h");
      const { generalHelp, commandHelp } = await import("./help.ts");
      const { argsOf, takesRole } = await import("./option-texts.ts");
      const { meta, options, operands } = chosen;
      await printHelp(
        isNamed || isServe
          ? commandHelp({ meta, args: argsOf(name, options, ...operands) }, takesRole(name) ? roleIn(rest) : undefined)
          : generalHelp(version, Object.values(commands)),
      );
      return 0;
    }
    return await dispatch(name, chosen, rest, environment);
  } catch (error) {
    if (error instanceof UsageError || error instanceof StartError) {
      complain(error.message);
      return error instanceof UsageError ? 2 : 1;
    }
    throw error;
  }
}
