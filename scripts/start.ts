/** `npm start`: `ticktown up` in a clone of the project. */
import { main } from "../cli/main.ts";

await main(["up", ...process.argv.slice(2)]);
