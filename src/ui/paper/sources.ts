/** Formulas and sources of the analyses. */
import type { ReactNode } from "react";
import { both, foot, high, norm, over, root, row, squared, sum } from "./mathml.ts";

export type Analysis = "rank" | "spectra" | "overlap" | "amplification" | "cka" | "plane";

interface Entry {
  /** What one would learn, for who has not pressed the button yet. */
  readonly asks?: string;
  /** And what it costs. */
  readonly takes?: string;
  /** Line by line. */
  readonly formula: readonly ReactNode[];
  /** What the letters mean. */
  readonly letters: string;
  readonly papers: readonly string[];
  readonly reads: string;
  readonly hides: string;
}

const hsic = (pair: string) => row(foot("HSIC", "1"), `( ${pair} )`);

export const SOURCES: Readonly<Record<Analysis, Entry>> = {
  rank: {
    formula: [
      row(
        "effective = exp ( −",
        sum("i"),
        foot("p", "i"),
        "ln",
        foot("p", "i"),
        ") ,",
        foot("p", "i"),
        "=",
        over(foot("σ", "i"), row(sum("j"), foot("σ", "j"))),
      ),
      row("stable =", over(squared("ΔW"), both("σ", "1", "2"))),
    ],
    letters: "σ: singular values of a layer's update ΔW, in float64.",
    papers: [
      "Effective rank: Roy and Vetterli 2007, The effective rank: a measure of effective dimensionality.",
      "Stable rank: Rudelson and Vershynin 2007 (arXiv math/0503442), where it is called the numerical rank.",
      "That updates should be of full rank: RandLoRA (arXiv 2502.00987).",
    ],
    reads: "Each row is a layer, each column a measurement: light means that the update spreads over many directions by then.",
    hides: "It does not say whether those directions help: more rank is not more accuracy, and the size of the update is not in it.",
  },
  spectra: {
    formula: [row("ΔW = U diag (", foot("σ", "1"), "≥", foot("σ", "2"), "≥ … )", high("V", "⊤"))],
    letters: "The line is the geometric mean of σ / σ₁ over the layers; the band holds four fifths of them.",
    papers: ["RandLoRA (arXiv 2502.00987), on the rank of updates.", "LoRA (arXiv 2106.09685), section 4.1, on the wall at r."],
    reads:
      "A line that falls off a cliff has a wall: no direction beyond it is used. Full fine-tuning, thin and grey, is what is to be imitated.",
    hides:
      "Directions are counted, not compared: two equal spectra may point to entirely different places. Shared directions compares them.",
  },
  overlap: {
    asks: "Do two methods change the model in the same directions? How much the strongest directions of their updates have in common, layer by layer, beside what chance would give.",
    takes: "Takes seconds on a small model and minutes on a large one; training goes on meanwhile.",
    formula: [row("φ ( i , j ) =", over(squared(both("U", "A,1…i", "⊤"), foot("U", "B,1…j")), row("min ( i , j )")))],
    letters: "U: leading left, or right, singular vectors of two matrices A and B, in float64.",
    papers: ["LoRA (arXiv 2106.09685), section 7.2 and appendix G."],
    reads:
      "1: the smaller set of directions lies wholly inside the larger. 0: they are at right angles. Two sets at random in n dimensions share max(i, j) / n.",
    hides:
      "How strongly each direction acts is not in it. Beyond the directions that an update has there is nothing to compare: that is hatched.",
  },
  amplification: {
    formula: [over(norm("ΔW"), norm(both("U", "k", "⊤"), "W", foot("V", "k")))],
    letters: "U, V: the update's k leading singular directions; W: the frozen weight.",
    papers: ["LoRA (arXiv 2106.09685), section 7.3 and table 7."],
    reads:
      "How much stronger the update is than what the frozen weight does in the same directions: large means that it adds what was hardly there.",
    hides: "A small update in directions that the weight hardly uses looks the same as a large one in directions that it does.",
  },
  cka: {
    asks: "Do the methods come to see the images alike? How similarly every block tells the same images apart in each lane and in full fine-tuning, or in the model before training.",
    takes: "Takes seconds, more with more images; training waits while they pass through every lane.",
    formula: [
      row("CKA =", over(hsic("K , L"), root(hsic("K , K"), hsic("L , L")))),
      row("K = X", high("X", "⊤"), ", L = Y", high("Y", "⊤")),
    ],
    letters:
      "X, Y: a layer's output in two models for the same n images, each the mean over its tokens: so an image counts once, not once for every patch, and position does not pass for content. HSIC₁ is the unbiased estimate, over all n at once, in float64.",
    papers: [
      "Kornblith et al. 2019 (arXiv 1905.00414), section 3.",
      "Unbiased HSIC: Song et al. 2012; in CKA: Nguyen et al. 2021 (arXiv 2010.15327), who average it over batches.",
      "RandLoRA (arXiv 2502.00987), figure 4a.",
    ],
    reads:
      "1: up to rotation and scale the layer sees the images alike in both models. The nearer a lane runs to 1, the more it behaves like full fine-tuning.",
    hides:
      "It says nothing about who is right, is ruled by the strongest few directions, and with few images it is noisy: it may lie below 0.",
  },
  plane: {
    asks: "Did the methods find the same solution? The loss on the plane through their weights: a flat way between two means that they did, a ridge that they are different ones.",
    takes:
      "Measures the loss at hundreds of places on 5 % of the training images: about a minute on a graphics card, long without one. Stop whenever you like; it goes on where it was.",
    formula: [
      row("L (", foot("W", "0"), "+ a", foot("ΔW", "A"), "+ b", foot("ΔW", "B"), "+ c", foot("ΔW", "C"), ")"),
      row("a + b + c = 1"),
    ],
    letters: "ΔW: all that a lane changes, biases, norms and its head included, merged. Distances in the picture are distances of weights.",
    papers: [
      "RandLoRA (arXiv 2502.00987), figure 4b.",
      "Planes through three solutions: Garipov et al. 2018 (arXiv 1802.10026), figure 1.",
      "Pictures of loss surfaces: Li et al. 2018 (arXiv 1712.09913).",
    ],
    reads: "A ridge between two solutions means different basins; a flat way between them means that they found the same one.",
    hides:
      "It is one plane of millions of dimensions: two basins that look apart may be joined around the corner. The loss is that of a few training images.",
  },
};
