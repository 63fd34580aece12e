/** `npm run build`: the app as static files in `dist/`, to be served from any folder of any web server. */
import { install } from "./install.mjs";
import { tool } from "./tools.mjs";

await install();
process.exit(await tool("vite", ["build", ...process.argv.slice(2)], { env: { ...process.env, NODE_ENV: "production" } }));
