// What a row of the table of options (options.ts) says, and the parts that rows share.

import { secretBytesMax } from "../base/limits/fixed.ts";
import { limitTable } from "../base/limits/table.ts";
import { pathBytesMax } from "./engine-url.ts";
import * as values from "./values.ts";

/** What a process can be. */
export const roles = ["standalone", "gateway", "login", "chat", "discovery"] as const;
export type Role = (typeof roles)[number];

/** Roles that let clients in. */
export const clientRoles = ["standalone", "gateway"] as const;
/** Roles that serve messages, and the API for back ends. */
export const apiRoles = ["standalone", "chat"] as const;
/** Services that are processes of their own. */
export const memberRoles = ["gateway", "login", "chat"] as const;
/** All but registry nodes. */
export const serviceRoles = ["standalone", ...memberRoles] as const;
/** Processes of a cluster. */
export const clusterRoles = [...memberRoles, "discovery"] as const;

/** What is known of an option. */
export interface Option {
  readonly help: string;
  readonly hint: string;
  /** Throws a sentence that says what would be right. */
  readonly parse: (text: string) => unknown;
  /** Its text, as a user would write it; undefined: no default. */
  readonly fallback: string | undefined;
  /** The roles to which it means something; those refuse any other. None: it is for commands only. */
  readonly of: readonly Role[];
  /** Of the parsed value: the end of the setting's name. */
  readonly unit: "" | "Ms" | "Days";
  /** The parsed value is the role's setting. Otherwise code of its own makes one of it: it names a file, say. */
  readonly isSetting: boolean;
  /** Takes no value as a flag: naming it is enough. */
  readonly isFlag: boolean;
  /** A longer value, in UTF-8, is refused before it is parsed. */
  readonly bytesMax: number;
  /** It is, or may hold, a key or a password: no message shows it. */
  readonly isSecret: boolean;
  /** Pairs with commas between them: as a flag it may be repeated, and in the file it may be a table. */
  readonly isPairs: boolean;
}

/** What an option is whose row does not say otherwise. */
const plain = {
  fallback: undefined,
  of: [],
  unit: "",
  isSetting: true,
  isFlag: false,
  bytesMax: 1024,
  isSecret: false,
  isPairs: false,
} as const satisfies Partial<Option>;

type Row = Pick<Option, "help" | "hint" | "parse"> & Partial<Option>;

/** Completes a row. */
export function option<const Given extends Row>(row: Given): Given & Omit<typeof plain, keyof Given>;
export function option(row: Row): Option {
  return { ...plain, ...row };
}

/** A value of many parts. */
export const list = { bytesMax: 128 * 1024 } as const;
/** The path of a file that a role or command reads or writes. */
export const file = { hint: "file", parse: values.parsePath, bytesMax: pathBytesMax, isSetting: false } as const;
/** A shared key as text. */
export const key = {
  hint: "text",
  parse: values.parseText,
  bytesMax: secretBytesMax,
  isSecret: true,
  isSetting: false,
} as const;
/** Where a store is kept. */
export const engine = { bytesMax: 2 * pathBytesMax, isSecret: true, isSetting: false } as const;
/** A name in the registry. */
export const label = {
  hint: "name",
  parse: values.parseLabel,
  bytesMax: limitTable.registryNameBytes.initial,
} as const;
/** The name of an account or an app. */
export const accountName = { hint: "name", parse: values.parseName } as const;
/** An address to listen at. */
export const listener = { hint: "host:port|off", parse: values.parseListener } as const;
const isTrue = (text: string): boolean => values.oneOf(["true", "false"])(text) === "true";
/** Yes or no, by default no. */
export const toggle = { hint: "true|false", fallback: "false", parse: isTrue, isFlag: true } as const;
/** On or off, as the option's default says. */
export const onOff = { hint: "on|off", parse: (text: string) => values.oneOf(["on", "off"])(text) === "on" } as const;
/** A duration, of at least and at most so much. */
export const duration = (least: string, most: string) =>
  ({ hint: "duration", parse: values.durationFrom(least, most), unit: "Ms" }) as const;
