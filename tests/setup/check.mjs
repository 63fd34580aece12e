/** `npm run check`: types, lint and format; a warning fails. `npm run check -- --write` mends what can be mended. */
import { install } from "./install.mjs";
import { tool } from "./tools.mjs";

await install();
const types = await tool("typescript", ["-p", "."]);
const style = await tool("@biomejs/biome", ["check", "--error-on-warnings", "--max-diagnostics=50", ...process.argv.slice(2)]);
console.log(types || style ? "check failed" : "check passed");
process.exit(types || style);
