/** CLIP's vision tower alone (CLIPVisionModel, CLIPVisionModelWithProjection): CLIP without texts. */
import { readVision, type Vision, visionTower } from "./clip.ts";
import { fieldsOf } from "./config.ts";
import { defineModel } from "./model.ts";

export default defineModel<Vision>({
  title: "CLIP, vision tower",
  types: ["clip_vision_model"],
  prefix: "vision_model.",
  classes: { linear: "CLIPForImageClassification" },
  outside: [/^visual_projection\./],
  whole: (config) => ({ model_type: "clip", projection_dim: config.projection_dim ?? 512, vision_config: config }),
  configure: (json, size) => readVision(fieldsOf(json), size),
  build: (scope, config) => ({ image: visionTower(scope, config).image }),
});
