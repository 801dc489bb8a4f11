/** Writes the tables of docs/access.md. test/workers/matrix.test.ts says when they are out of date, and whether they are true. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { accessTables, BEGIN, END } from "../test/access/document.ts";

const FILE = fileURLToPath(new URL("../docs/access.md", import.meta.url));
const text = readFileSync(FILE, "utf8");
const [before = "", rest = ""] = text.split(BEGIN);
const after = rest.split(END)[1] ?? "";
writeFileSync(FILE, `${before}${BEGIN}\n\n${accessTables()}\n\n${END}${after}`);
