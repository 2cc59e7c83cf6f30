// Answers of the registry as JSON: an instance, and a service of a hundred.

import { stateJson } from "../../src/registry/table/state-json.ts";
import { Status } from "../../src/registry/instance.ts";
import { instanceJson, zonePieces } from "../../src/registry/http/answers.ts";
import type { App } from "../../src/registry/table/apps.ts";
import type { Topic } from "./case.ts";
import { env, filledTable, instancesOfService, serviceOf } from "./registry-sample.ts";

function textOf(app: App): string {
  let text = "";
  for (const piece of zonePieces(app, undefined, "", Status.Any)) text += piece;
  return text;
}

export function registryJsonTopic(): Topic {
  const { table } = filledTable();
  const app = table.app(env, serviceOf(0));
  const [entry] = app?.entries() ?? [];
  if (app === undefined || entry === undefined) throw new Error("the table is filled");
  const state = entry.state(performance.now());
  return {
    cases: [
      { name: "registry-json/an instance", run: () => instanceJson(entry) },
      {
        name: `registry-json/a service of ${instancesOfService} that nobody has read`,
        run: () => {
          for (const one of app.entries()) one.json = undefined;
          return textOf(app);
        },
      },
      {
        name: `registry-json/a service of ${instancesOfService} that was read before`,
        run: () => textOf(app),
      },
      { name: "registry-json/a state for another node", run: () => JSON.stringify(stateJson(state)) },
    ],
  };
}
