/** Prints the adapter that Dawn finds, as JSON; ends with 1 when there is none. */
import { create } from "webgpu";

const found = await create([]).requestAdapter();
if (found) {
  const { vendor, architecture, description, isFallbackAdapter } = found.info;
  console.log(JSON.stringify({ name: description || `${vendor} ${architecture}`, software: isFallbackAdapter }));
}
process.exit(found ? 0 : 1);
