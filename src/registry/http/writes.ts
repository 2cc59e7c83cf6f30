// The writes: register, renew, cancel, set. They check parameters; `node/registrar.ts` applies them.

import { fieldsOf, jsonOf } from "../../base/json-fields.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { HttpAnswer } from "../../transport/http/http-answer.ts";
import { type Identity, type InstanceStatus, noMetadata, Status } from "../instance.ts";
import { faultOfName } from "../names.ts";
import { type Caller, type Outcome, type SetChange } from "../node/registrar.ts";
import type { RegistryNode } from "../node/registry-node.ts";
import type { Origin } from "../replication/outboxes.ts";
import { envelope, instanceJson } from "./answers.ts";
import { BadParameter, type Parameters } from "./parameters.ts";

/** A caller, before the request tells for whom it registers. */
interface Registering extends Omit<Caller, "origin"> {
  /** Reports whether the request comes from the address of a node of the registry. */
  isNode(): boolean;
}

export function register(node: RegistryNode, parameters: Parameters, caller: Registering): HttpAnswer {
  const identity = requiredIdentity(node, parameters);
  const region = parameters.text("region");
  const version = parameters.text("version");
  const origin = originOf(parameters);
  const addrs = parameters.commaList("addrs");
  if (addrs.length === 0) throw new BadParameter("addrs is required");
  const outcome = node.registrar.register(
    {
      ...identity,
      region,
      addrs,
      version,
      metadata: parseMetadata(parameters.text("metadata")),
      status: parseStatus(parameters.uint32("status")),
      dirtyTimestamp: parameters.int64("dirty_timestamp"),
      regTimestamp: parameters.int64("reg_timestamp"),
    },
    // An original node registers instances of others, so it has no quota.
    { isTrusted: caller.isTrusted, address: origin !== "client" && caller.isNode() ? "" : caller.address, origin },
  );
  return result(outcome);
}

export function renew(node: RegistryNode, parameters: Parameters): HttpAnswer {
  const identity = requiredIdentity(node, parameters);
  return result(node.registrar.renew(identity, parameters.int64("dirty_timestamp"), originOf(parameters)), true);
}

export function cancel(node: RegistryNode, parameters: Parameters): HttpAnswer {
  const identity = requiredIdentity(node, parameters);
  return result(node.registrar.cancel(identity, parameters.int64("dirty_timestamp"), originOf(parameters)));
}

export function set(node: RegistryNode, parameters: Parameters, limits: Limits): HttpAnswer {
  const [zone, env, appid] = [parameters.required("zone"), parameters.required("env"), parameters.required("appid")];
  const hostnames = parameters.list("hostname");
  const statuses = parameters.uint32List("status").map(parseStatus);
  const metadata = parameters.list("metadata").map(parseMetadata);
  if (hostnames.length === 0) throw new BadParameter("hostname is required");
  const { hostsPerSet } = limits.values;
  if (hostnames.length > hostsPerSet) {
    limits.met("hostsPerSet");
    throw new BadParameter(`a set may name ${hostsPerSet} hosts, this one names ${hostnames.length}`);
  }
  for (const [field, count] of [
    ["status", statuses.length],
    ["metadata", metadata.length],
  ] as const) {
    if (count !== 0 && count !== hostnames.length)
      throw new BadParameter(`there are ${hostnames.length} values of hostname, and ${count} of ${field}`);
  }
  const changes = hostnames.map((hostname, index): SetChange => ({
    hostname,
    status: statuses[index],
    metadata: metadata[index],
  }));
  const setTimestamp = parameters.int64("set_timestamp");
  return result(node.registrar.set({ env, appid, zone, changes, setTimestamp }, originOf(parameters)));
}

function result({ code, message, entry }: Outcome, isRenewal = false): HttpAnswer {
  const data = entry === undefined ? (isRenewal ? "null" : undefined) : instanceJson(entry);
  return envelope(code, message, data);
}

/** A peer's request tells its kind: only original requests are forwarded. */
function originOf(parameters: Parameters): Origin {
  if (parameters.flag("replication")) return "replica";
  return parameters.flag("from_zone") ? "other-zone" : "client";
}

function requiredIdentity({ rules }: RegistryNode, parameters: Parameters): Identity {
  const required = (field: string): string => {
    const name = parameters.required(field);
    const fault = faultOfName(field, name, rules.limits.values);
    if (fault !== undefined) throw new BadParameter(fault.sentence);
    return name;
  };
  return {
    zone: required("zone"),
    env: required("env"),
    appid: required("appid"),
    hostname: required("hostname"),
  };
}

function parseStatus(status: number): InstanceStatus {
  if (status === Status.Up || status === Status.Waiting) return status;
  throw new BadParameter(status === 0 ? "status is required" : "status is 1 (UP) or 2 (WAITING)");
}

/** Parses a JSON object of strings. As in the original, any other value counts as ''. Throws MalformedJson. */
function parseMetadata(text: string): ReadonlyMap<string, string> {
  if (text === "" || text === "null") return noMetadata;
  const entries = Object.entries(fieldsOf(jsonOf(text, "metadata"), "metadata"));
  return new Map(entries.map(([key, entry]) => [key, typeof entry === "string" ? entry : ""]));
}
