// A process whose only thread yields to others, and says its niceness.

import { getPriority } from "node:os";
import { yieldToOthers } from "../../src/base/thread-priority.ts";

yieldToOthers(7);
console.log(getPriority());
