/** How the lab's tables call things. */
import { TOWERS, type TowerName } from "../../lab/order.ts";

/** "LoRA", or "LoRA and RandLoRA" for two lanes in one race. */
export const methodTitle = (method: string, titleOf: (id: string) => string): string => method.split("+").map(titleOf).join(" and ");

export const modelTitle = (model: TowerName): string => TOWERS[model].title;
