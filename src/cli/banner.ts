// The banner after a start: where the server listens, where its data is, and what to try next.

import type { RunningMember } from "../node/member.ts";
import type { RunningDiscovery, RunningStandalone } from "../roles/settings.ts";
import { clientUrls } from "./tls.ts";

/** Returns the command that started this program. */
function invocation(): string {
  const asked = process.env["ROOST_INVOKED_AS"];
  if (asked !== undefined && asked !== "") return asked;
  const script = process.argv[1] ?? "";
  // A compiled binary has its source in a virtual file system.
  return script.startsWith("/$bunfs/") ? quoted(process.execPath) : `bun ${quoted(script)}`;
}

const quoted = (text: string): string => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Returns the banner of a standalone server. */
export function banner(parts: {
  version: string;
  addresses: RunningStandalone["addresses"];
  /** To the web chat, with a secret; undefined: it gives no accounts. */
  link?: string | undefined;
  /** Clients connect with TLS. */
  isSecure: boolean;
  dataFolder: string;
  /** As the user wrote it, for the commands to try. */
  dataOption: string;
  /** The path of the secret file as the user wrote it; undefined if not given. */
  secretOption: string | undefined;
  storePath: string;
  secretMadeAt: string | undefined;
  /** Whether the monitor speaks HTTPS. */
  isNodeSecure?: boolean;
}): string {
  const { addresses, dataFolder, storePath, secretMadeAt } = parts;
  const lines = [`roost ${parts.version}: ready`, ""];
  const line = (name: string, value: string): void => void lines.push(`  ${name.padEnd(10)} ${value}`);
  const { ws, tcp } = clientUrls(addresses, parts.isSecure);
  line("websocket", ws ?? "off");
  line("tcp", tcp ?? "off");
  line("monitor", monitorText(addresses.monitor, parts.isNodeSecure === true));
  line("api", apiText(addresses.api, parts.isSecure));
  line("data", dataFolder);
  if (!storePath.startsWith(dataFolder)) line("store", storePath);
  if (secretMadeAt !== undefined) line("secret", `${secretMadeAt} (new; it signs tokens: keep it private)`);
  const url = ws ?? tcp;
  if (url !== undefined) {
    const { dataOption, secretOption } = parts;
    const data = dataOption === "./data" ? "" : ` --data ${quoted(dataOption)}`;
    const where = secretOption === undefined ? data : ` --secret-file ${quoted(secretOption)}`;
    const at = url === "ws://127.0.0.1:8000" ? "" : ` --url ${url}`;
    if (parts.link !== undefined)
      lines.push("", "Open this in a browser; while the server runs, it gives accounts to try:", `  ${parts.link}`);
    lines.push("", parts.link === undefined ? "Try, in two other terminals:" : "Or, in two other terminals:");
    lines.push(`  ${invocation()} chat${where}${at} --account alice --to bob`);
    lines.push(`  ${invocation()} chat${where}${at} --account bob --to alice`);
  }
  return `${lines.join("\n")}\n`;
}

/** Returns the banner of a registry node. */
export function discoveryBanner(parts: {
  version: string;
  addresses: RunningDiscovery["addresses"];
  hasKey: boolean;
  /** Whether it speaks HTTPS. */
  isSecure: boolean;
}): string {
  const { http, advertised, dns } = parts.addresses;
  const scheme = parts.isSecure ? "https" : "http";
  return [
    `roost ${parts.version} discovery: ready`,
    "",
    `  ${scheme.padEnd(10)} ${scheme}://${http}/discovery/, /api/lookup/, /health, /metrics`,
    ...(advertised === http ? [] : [`  advertised ${advertised}`]),
    `  dns        ${dns === undefined ? "off" : `${dns}, UDP and TCP`}`,
    `  writes     ${parts.hasKey ? "with the cluster key" : "from everybody who can reach it"}`,
    "",
    "See what is registered:",
    `  ${invocation()} nodes --discovery ${scheme}://${http}`,
    "",
  ].join("\n");
}

/** Returns the banner of a cluster member. */
export function memberBanner(parts: {
  version: string;
  role: string;
  id: string;
  addresses: RunningMember["addresses"];
  /** Whether the clients' listeners speak TLS. */
  isSecure: boolean;
  /** Whether the monitor speaks HTTPS. */
  isNodeSecure: boolean;
}): string {
  const { link, monitor, api } = parts.addresses;
  const { ws, tcp } = clientUrls(parts.addresses, parts.isSecure);
  const rows = [
    ["id", parts.id],
    ["websocket", ws],
    ["tcp", tcp],
    ["links", link],
    ["monitor", monitorText(monitor, parts.isNodeSecure)],
    ["api", api && apiText(api, parts.isNodeSecure)],
  ] as const;
  const lines = rows.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(10)} ${value}`]));
  return [`roost ${parts.version} ${parts.role}: ready`, "", ...lines, ""].join("\n");
}

function apiText(address: string | undefined, isSecure: boolean): string {
  return address === undefined ? "off" : `${isSecure ? "https" : "http"}://${address}/docs`;
}

function monitorText(address: string | undefined, isSecure: boolean): string {
  return address === undefined ? "off" : `${isSecure ? "https" : "http"}://${address}/health, /metrics`;
}
