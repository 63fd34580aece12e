import { defineAdapter } from "./adapter.ts";

/** Nothing of the model: the head on its features is all that learns. */
export default defineAdapter({
  title: "Linear probe",
  paper: "the head alone",
  does: "Learns a linear classifier; the model stays as it is.",
  family: "Whole model",
  mark: { light: "#85561f", dark: "#cda06c", dash: "4 4" },
  fields: {},
  lr: 1e-2,
  trainable: () => ({}),
  init: () => ({}),
  shared: () => ({}),
  inner: () => 0,
  factors: () => [],
});
