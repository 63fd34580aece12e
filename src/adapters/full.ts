import { defineAdapter } from "./adapter.ts";

/** Full fine-tuning: every tensor of the model, in a copy of the lane's own. */
export default defineAdapter({
  title: "Full fine-tuning",
  paper: "all weights of the model",
  does: "Learns every weight of the model.",
  family: "Whole model",
  mark: { light: "#66696d", dark: "#a6abb0", dash: "none" },
  fields: {},
  lr: 1e-4,
  trainable: () => ({}),
  init: () => ({}),
  shared: () => ({}),
  inner: () => 0,
  factors: () => [],
  trains: () => true,
});
