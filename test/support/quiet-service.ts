import { silentLog } from "../../src/base/log.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { Router } from "../../src/service/router.ts";
import { Service } from "../../src/service/service.ts";

type Parts = ConstructorParameters<typeof Service>[0];

/** A logic service without commands and without a log, which ignores gateways; `change` replaces its parts. */
export function quietService(change: Partial<Parts> = {}): Service {
  const ignore = (): void => undefined;
  return new Service({
    ...systemRuntime,
    router: new Router([]),
    dispatcher: new Dispatcher(),
    log: silentLog,
    gatewayLinked: ignore,
    gatewayLost: ignore,
    ...change,
  });
}
