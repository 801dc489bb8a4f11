import { boardTests } from "./dashboard/board.ts";
import { doorTests } from "./dashboard/door.ts";
import { usePages } from "./dashboard/pages.ts";
import { rigTests } from "./dashboard/rig.ts";
import { townTests } from "./dashboard/town.ts";

/** The board as an operator has it: a real browser, a real Worker, a container that accepts everything and runs nothing. */

const pages = usePages();

boardTests(pages);
rigTests(pages);
townTests(pages);
doorTests(pages);
