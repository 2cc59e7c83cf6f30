// The entry point of the executable: runs the command line and exits with its status.

import { runCommandLine } from "./cli/commands.ts";
import { ignoreProxies } from "./cli/ignore-proxies.ts";

ignoreProxies(process.env);
const status = await runCommandLine(process.argv.slice(2), process.env);
if (status !== undefined) process.exit(status);
