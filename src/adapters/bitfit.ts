import { defineAdapter } from "./adapter.ts";

/** Every bias of the model, those of its norms included; no weight. */
export default defineAdapter({
  title: "BitFit",
  paper: "arXiv 2106.10199",
  does: "Learns the biases alone; no weight matrix changes.",
  family: "Whole model",
  mark: { light: "#4f6478", dark: "#9fb6cb", dash: "1 3" },
  fields: {},
  lr: 1e-3,
  trainable: () => ({}),
  init: () => ({}),
  shared: () => ({}),
  inner: () => 0,
  factors: () => [],
  trains: (name) => name.endsWith(".bias"),
});
