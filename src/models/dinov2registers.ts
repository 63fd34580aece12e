/** DINOv2 with registers (arXiv 2309.16588): the model of dinov2.ts with tokens that belong to no patch. */
import { dinov2 } from "./dinov2.ts";

export default dinov2(
  {
    title: "DINOv2 with registers",
    types: ["dinov2_with_registers"],
    prefix: "dinov2_with_registers.",
    classes: { linear: "Dinov2WithRegistersForImageClassification" },
  },
  true,
);
