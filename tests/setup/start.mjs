/** `npm start`: the app on a local address, printed below. */
import { install } from "./install.mjs";
import { tool } from "./tools.mjs";

await install();
process.exit(await tool("vite", process.argv.slice(2)));
