import { looksTests } from "./dashboard/looks.ts";
import { usePages } from "./dashboard/pages.ts";

/** What an operator looks at closely, in a real browser: work whose commits are real, on a container that runs nothing. */

looksTests(usePages());
