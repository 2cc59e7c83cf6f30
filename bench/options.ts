// The bench's command line, checked.

import { parseArgs } from "node:util";
import { benchApp, type Endpoint, isSecure, parseServerUrl, type Transport, transports } from "./server/target.ts";

const topologies = ["standalone", "processes"] as const;
export type Topology = (typeof topologies)[number];

/** What a user said. Numbers that are undefined are each scenario's to choose. */
export interface BenchOptions {
  /** One name, or some with commas between them; undefined: all. */
  readonly scenario: string | undefined;
  /** A server that runs already. */
  readonly external: { readonly endpoint: Endpoint; readonly secret: string; readonly app: string } | undefined;
  /** Undefined: those that the scenario compares. */
  readonly transport: Transport | undefined;
  readonly topology: Topology;
  /** `postgres://…`; undefined: SQLite. */
  readonly store: string | undefined;
  /** Everything tiny: whether it works, and no figures. */
  readonly isTrial: boolean;
  /** Undefined: the scenario's choice, or {@link secondsDefault}. */
  readonly seconds: number | undefined;
  /** Undefined: the scenario's choice, or {@link warmUpMsDefault}. */
  readonly warmUpMs: number | undefined;
  readonly connections?: number;
  readonly senders?: number;
  readonly window?: number;
  readonly rate?: number;
  readonly members?: number;
  readonly messages?: number;
  readonly rows?: number;
  readonly kills?: number;
  /** One of the attacks of `hostile`; undefined: all. */
  readonly attack?: string;
  /** Of a group's members, 0 to 1. */
  readonly online?: number;
  readonly json: boolean;
  readonly write: boolean;
}

const counts = ["connections", "senders", "window", "rate", "members", "messages", "rows", "kills"] as const;
/** How long is measured. */
export const secondsDefault = 5;
export const warmUpMsDefault = 2_000;
const trial = {
  seconds: 0.2,
  warmUpMs: 0,
  connections: 20,
  senders: 4,
  window: 2,
  members: 10,
  online: 0.5,
  messages: 300,
  kills: 1,
} as const;

/** Reads the words of a command line. Throws a sentence. */
export function readOptions(args: readonly string[]): BenchOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: "string", multiple: true },
      url: text,
      secret: text,
      app: text,
      transport: text,
      topology: text,
      store: text,
      seconds: text,
      "warm-up": text,
      connections: text,
      senders: text,
      window: text,
      rate: text,
      members: text,
      messages: text,
      rows: text,
      kills: text,
      attack: text,
      online: text,
      trial: { type: "boolean" },
      json: { type: "boolean" },
      write: { type: "boolean" },
    },
  });
  const { url, secret, app, store } = values;
  const scenario = values.scenario?.join(",");
  const topology = oneOf("topology", topologies, values.topology ?? "standalone");
  const transport = values.transport === undefined ? undefined : oneOf("transport", transports, values.transport);
  if (url === undefined && (secret !== undefined || app !== undefined))
    throw new Error("--secret and --app are those of the server that --url names");
  if (url !== undefined && secret === undefined)
    throw new Error("--url needs --secret, the key of that server's tokens");
  if (url !== undefined && (values.topology !== undefined || store !== undefined || transport !== undefined))
    throw new Error(
      "--topology, --store and --transport are of a server that the bench starts, --url names another one",
    );
  if (transport !== undefined && isSecure(transport) && topology !== "standalone")
    throw new Error(`--transport ${transport} needs --topology standalone: the bench starts no cluster with TLS`);
  const external =
    url === undefined ? undefined : { endpoint: parseServerUrl(url), secret: secret ?? "", app: app ?? benchApp };
  const found: Partial<Record<(typeof counts)[number], number>> = {};
  for (const name of counts) {
    const value = values[name];
    if (value !== undefined) found[name] = positive(name, value);
  }
  const isTrial = values.trial === true;
  if (isTrial && values.write === true) throw new Error("--trial gives no figures that --write could write");
  if (values.write === true && url !== undefined)
    throw new Error("--write takes the figures of servers that the bench starts: leave --url out");
  const [secondsMeant, warmUpMeant] = isTrial ? [trial.seconds, trial.warmUpMs] : [undefined, undefined];
  const { seconds: _seconds, warmUpMs: _warmUpMs, ...few } = trial;
  const online = values.online === undefined ? {} : { online: share(values.online) };
  return {
    scenario,
    external,
    transport,
    topology,
    store: storeOf(store, topology, scenario),
    isTrial,
    seconds: values.seconds === undefined ? secondsMeant : seconds("seconds", values.seconds),
    warmUpMs: values["warm-up"] === undefined ? warmUpMeant : 1000 * seconds("warm-up", values["warm-up"]),
    ...(isTrial ? few : {}),
    ...found,
    ...online,
    ...(values.attack === undefined ? {} : { attack: values.attack }),
    json: values.json === true,
    write: values.write === true,
  };
}

/** Scenarios that start clusters whatever the topology is. */
const clusters = ["cluster-talk", "failover", "large-group", "postgres", "recalls", "receipts", "returns"] as const;

function storeOf(store: string | undefined, topology: Topology, scenario: string | undefined): string | undefined {
  if (store === undefined || store === "sqlite") return undefined;
  if (!/^postgres(ql)?:\/\/./.test(store)) throw new Error("--store takes sqlite or postgres://…");
  const isCluster = topology === "processes" || clusters.some((name) => scenario?.split(",").includes(name) === true);
  if (!isCluster) throw new Error("--store postgres://… needs --topology processes: a standalone server keeps SQLite");
  return store;
}

function oneOf<Name extends string>(option: string, names: readonly Name[], value: string): Name {
  const found = names.find((name) => name === value);
  if (found === undefined) throw new Error(`--${option} takes one of ${names.join(", ")}`);
  return found;
}

function seconds(option: string, text: string): number {
  const value = Number(text);
  const isRight = text.trim() !== "" && Number.isFinite(value) && value >= 0 && (value > 0 || option === "warm-up");
  if (!isRight) throw new Error(`--${option} takes seconds`);
  return value;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`--${option} takes a whole number above 0`);
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new Error("--online takes a share of the members, above 0 and up to 1");
  return value;
}
