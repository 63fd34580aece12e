/**
 * DeiT with its distillation token (arXiv 2012.12877). It is trained on the class token, as DeiTForImageClassification is. DeiT
 * without that token is stored as ViT.
 */
import { visionTransformer } from "./vit.ts";

export default visionTransformer(
  { title: "DeiT", types: ["deit"], prefix: "deit.", classes: { linear: "DeiTForImageClassification" } },
  true,
);
