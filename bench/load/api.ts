// Scenario `api`: a back end sends messages over connections that it keeps, by the HTTP API: to one account with each
// request, and to many. What was answered is read afterwards by the receivers' indexes. Then it sends to one account at
// half the rate that it has reached.

import { BackEnd } from "../api/back-end.ts";
import { checkReceivers, onApiServer } from "../api/receivers.ts";
import { apiRequest } from "../api/requests.ts";
import type { Bench } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { bodyBytes, receiverName } from "../generator/people.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const name = "api";
const connectionsDefault = 64;
/** Accounts that one request sends to. */
const manyDefault = 100;
/** Of what the closed loop reached, in the open one. */
const openShare = 0.5;

/** In the generator: `connections`, `members` (accounts of each request; 1: each connection has its own), `rate`. */
export async function loadApi(load: Load): Promise<Findings[]> {
  const { target, settings } = load;
  const { connections, members, run } = settings;
  const { api, app } = target;
  if (api === undefined) throw new Error("the server has no API");
  const body = "x".repeat(bodyBytes);
  const isMany = members > 1;
  const many = Array.from({ length: members }, (_, number) => receiverName(run, number));
  const requests = Array.from({ length: connections }, (_, number) => {
    const to = isMany ? { accounts: many } : { to: receiverName(run, number) };
    return apiRequest(api, "Messages/Send", { ...to, body, app });
  });
  const backEnd = await BackEnd.connect(api.port, requests);
  try {
    const found = await backEnd.run(load);
    const sent = (number: number): number => (isMany ? Number(found["answered"]) : backEnd.answersOf(number));
    const delivered = await checkReceivers(load, isMany ? members : connections, sent);
    const perSecond = Number(found["per_second"]);
    return [{ ...found, delivered, accounts: members, messages_per_second: perSecond * members }];
  } finally {
    backEnd.close();
  }
}

async function measure(bench: Bench, scenario: string, members: number, rate: number): Promise<number> {
  const { connections = connectionsDefault } = bench.options;
  const settings = { connections, members, rate };
  const plan = { scenario, load: name, transport: "tcp", connections, settings, server: onApiServer() } as const;
  const [found] = await bench.measure(plan);
  if (found === undefined) throw new Error("there is no figure");
  const share = rate > 0 && bench.options.rate === undefined ? { rate_share: openShare } : {};
  bench.report([{ ...found, transport: "http", ...share }]);
  return Number(found["per_second"]);
}

export const api: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { members = manyDefault, rate } = bench.options;
    const reached = await measure(bench, name, 1, 0);
    await measure(bench, "api-open", 1, rate ?? Math.max(1, Math.round(openShare * reached)));
    await measure(bench, name, members, 0);
  },
};
