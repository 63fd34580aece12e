/** Runs first in every worker. */
import { CHANNEL, confineWorkers, watchOutside } from "./confine.ts";

// Without nested workers there are none to confine.
if (typeof Worker !== "undefined") confineWorkers(import.meta.url);
const channel = new BroadcastChannel(CHANNEL);
watchOutside((outside) => channel.postMessage(outside));
