#!/usr/bin/env node
/** The program that `ticktown` names. */
import { main } from "./main.ts";

await main(process.argv.slice(2));
