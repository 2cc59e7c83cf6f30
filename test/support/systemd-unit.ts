// A unit of scripts/systemd as systemd reads it, as far as the tests need that.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export const unitFolder = join(import.meta.dir, "../../scripts/systemd");

/** The roles, and the files of their units. */
export const unitOfRole = {
  standalone: "roost.service",
  discovery: "roost-discovery@.service",
  login: "roost-login@.service",
  chat: "roost-chat@.service",
  gateway: "roost-gateway@.service",
} as const;

export class Unit {
  readonly text: string;

  constructor(path: string) {
    this.text = readFileSync(path, "utf8");
  }

  /** All values of a key, in their order. */
  values(key: string): string[] {
    const lines = this.text.split("\n").filter((line) => line.startsWith(`${key}=`));
    return lines.map((line) => line.slice(key.length + 1));
  }

  /** All words of all values of a key. */
  words(key: string): string[] {
    return this.values(key).flatMap((value) => value.split(" "));
  }

  /** The variables of `Environment=`; `specifiers` are those behind `%`. */
  environment(specifiers: Readonly<Record<string, string>>): Record<string, string> {
    const entries = this.values("Environment").map((line) => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), meant(line.slice(equals + 1), specifiers)] as const;
    });
    return Object.fromEntries(entries);
  }

  /** The shell commands of a key, as they are run. */
  shellCommands(key: string, specifiers: Readonly<Record<string, string>>): string[] {
    const prefix = "+/bin/sh -c '";
    const lines = this.values(key).filter((line) => line.startsWith(prefix) && line.endsWith("'"));
    return lines.map((line) => meant(line.slice(prefix.length, -1), specifiers).replaceAll("$$", "$"));
  }
}

/** A text with what its specifiers stand for. */
function meant(text: string, specifiers: Readonly<Record<string, string>>): string {
  return text.replaceAll(/%(.)/g, (_, letter: string) => {
    const value = letter === "%" ? "%" : specifiers[letter];
    if (value === undefined) throw new Error(`%${letter} in ${text}`);
    return value;
  });
}

/** The variables of a file that `EnvironmentFile=` names; those in comments, too. */
export function environmentFile(path: string): Record<string, string> {
  const lines = readFileSync(path, "utf8").matchAll(/^#?(ROOST_[A-Z_]+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}
