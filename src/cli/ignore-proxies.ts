// Keeps the proxy variables of the environment from rerouting this program's own requests.

/** The variables by which Bun's fetch finds a proxy. */
const proxyVariable = /^(https?|all)_proxy$/i;

/**
 * Deletes the variables that name a proxy from the environment of this process. Must run before the first fetch.
 *
 * Bun's fetch sends every request to HTTP_PROXY, requests to loopback included, and has no option against it: `proxy:
 * ""` counts as none given. The requests of this program go to its own processes (registry, peers, health checks) and
 * carry the proof of the cluster key, so none may go through a proxy. WebSockets and TCP ignore these variables.
 */
export function ignoreProxies(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment)) if (proxyVariable.test(name)) delete environment[name];
}
