// Options of a gateway, at values that nobody means.

import { describe } from "bun:test";
import { nastyValues } from "./nasty-values.ts";

describe("an option at values that nobody means starts or is refused with a sentence:", () => {
  nastyValues(["gateway"]);
});
