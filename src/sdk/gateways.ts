// Which server to try next. The ones that the application names are tried in their order, round after round; where it
// names nodes of the registry, they are asked at the beginning of each round and after each lost connection, since
// gateways come and go; one that does not answer soon is not waited for. What they cannot say now is what they said last, and the application's own list.

import { arrayOf, fieldsOf, jsonOf } from "../base/json-fields.ts";
import { NoAnswer, Sources } from "../base/sources.ts";
import { closeAbnormal } from "../wire/close-reason.ts";
import { Disconnected, errorOf } from "./client-errors.ts";
import type { Environment } from "./environment.ts";

/** Of a registry's answer, and of the application's list. */
const urlsMax = 16;
const urlCharactersMax = 2_048;

interface GatewaySources {
  readonly urls: readonly string[];
  /** Addresses of registry nodes: `https://registry.example`. */
  readonly lookups: readonly string[];
  readonly environment: Environment;
}

export class Gateways {
  private readonly sources: GatewaySources;
  /** Chooses among the gateways of the registry: always the same ones while they live. */
  private readonly key: string;
  private known: readonly string[] = [];
  /** Of this round, not tried yet. */
  private untried: readonly string[] = [];
  private lost = "";
  private readonly nodes: Sources<string>;
  private readonly stopper = new AbortController();

  constructor(sources: GatewaySources) {
    this.sources = sources;
    this.nodes = new Sources(sources.lookups, (delayMs, action) => sources.environment.after(delayMs, action));
    this.key = sources.environment.newId();
    this.known = sources.urls.slice(0, urlsMax);
  }

  /** The server to try now. Rejects with Disconnected when none is known. */
  async next(): Promise<string> {
    if (this.untried.length === 0) {
      const trouble = await this.ask();
      // Whom the connection was lost to is the last one to try.
      const others = this.known.filter((url) => url !== this.lost);
      this.untried = others.length < this.known.length ? [...others, this.lost] : others;
      if (this.untried.length === 0) throw new Disconnected({ ...closeAbnormal, text: trouble });
    }
    const [url = "", ...rest] = this.untried;
    this.untried = rest;
    return url;
  }

  /** True when every server of this round has been tried. */
  get isRoundOver(): boolean {
    return this.untried.length === 0;
  }

  /** What goes wrong now goes wrong with every server: a new round begins. */
  endRound(): void {
    this.untried = [];
  }

  /** A connection to that server, signed in before, has ended: a new round begins. */
  lostTo(url: string): void {
    this.lost = url;
    this.endRound();
  }

  /** Ends what is under way: `next` may never settle then. */
  stop(): void {
    this.stopper.abort();
  }

  /** Asks the registry's nodes; returns why none gave an answer, '' when one did. */
  private async ask(): Promise<string> {
    const { urls, lookups, environment } = this.sources;
    if (lookups.length === 0) return "no server is named: give `url` or `lookup`";
    const ask = async (lookup: string, signal: AbortSignal): Promise<string[]> => {
      const address = `${lookup.replace(/\/+$/, "")}/api/lookup/${this.key}?scheme=${schemesHere()}`;
      return gatewaysIn(await environment.getText(address, signal));
    };
    try {
      const found = await this.nodes.first(ask, this.stopper.signal);
      this.known = [...new Set([...found, ...urls])].slice(0, urlsMax);
      return "";
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return error.reasons
        .map(({ source, cause }) => `${String(source)} names no gateway: ${errorOf(cause).message}`)
        .join("; ");
    }
  }
}

/** A page that came over TLS may open no connection without. */
function schemesHere(): string {
  return typeof location !== "undefined" && location.protocol === "https:" ? "wss" : "ws,wss";
}

/** The WebSocket URLs of an answer, which may hold anything. Throws when there are none. */
function gatewaysIn(text: string): string[] {
  const domains = arrayOf(fieldsOf(jsonOf(text, "its answer"), "its answer")["domains"] ?? [], "its domains");
  const urls = domains.filter(isWebSocketUrl).slice(0, urlsMax);
  if (urls.length === 0) throw new Error("its answer holds no ws:// or wss:// URL");
  return urls;
}

function isWebSocketUrl(value: unknown): value is string {
  if (typeof value !== "string" || value.length > urlCharactersMax || !/^wss?:\/\//.test(value)) return false;
  try {
    return new URL(value).hash === "";
  } catch {
    return false;
  }
}
