/** How this works, in a page: the methods, what rank means, the settings, and what is not promised. */
import { Formulas } from "./formulas.tsx";

export default function HelpText() {
  return (
    <div className="prose">
      <p>
        A vision model is loaded into this tab: CLIP-tiny, which comes with the page, one of the Hugging Face Hub, or one from a folder.
        Most methods leave it frozen and learn an update ΔW beside its layers. All lanes see the same batches in the same order and take
        turns on your GPU, so the race is fair.
      </p>

      <h3>The two methods it begins with</h3>
      <p>
        <b>LoRA</b>: two thin matrices, both learned, meet in r numbers. Few parameters, but the update can never use more than r
        directions. That is the wall in the chart.
      </p>
      <p>
        <b>RandLoRA</b>: many thin random matrices that stay as they are; only diagonals between them are learned. Summing enough of these
        low-rank pieces gives an update that can use every direction, with about as many trained numbers as LoRA has.
      </p>

      <h3>Rank</h3>
      <p>
        The singular values σ of ΔW say how strongly the update acts in each direction. Rank counts the ones that are not zero. Effective
        rank, exp of their entropy, says how many really matter; stable rank, ‖ΔW‖² / σ₁², is the strict view.
      </p>

      <h3>The other methods</h3>
      <p>
        rsLoRA and DoRA are LoRA with another scale; VeRA and NoLA learn a few numbers around random bases; RandLoRA-a and -b are its
        paper's counter-examples. Full fine-tuning trains everything, BitFit the biases, a linear probe nothing but the classifier. LoRA +
        RandLoRA is ours: a few learned directions and a random rest.
      </p>

      <h3>Which r, which α</h3>
      <ul>
        <li>LoRA: a larger r means more parameters and a wall further right. α = 2 r is usual.</li>
        <li>
          RandLoRA: it is the other way round. r is the rank of each random piece, so a <b>lower r means more pieces and more parameters</b>
          . Here α = 10 r with learning rate 0.001 worked well.
        </li>
        <li>Match parameters keeps both at nearly the same count, so that neither wins by size.</li>
        <li>A learning rate three times too high makes either method collapse. If a loss jumps up, halve the rate.</li>
      </ul>

      <h3>Equations</h3>
      <p>
        W is a frozen weight (out × in), ΔW what a method adds to it. Letters are those of the papers; beside them stand the names in the
        code.
      </p>
      <Formulas />

      <h3>What to expect</h3>
      <p>
        RandLoRA's update has far more rank. That does <b>not</b> mean more accuracy, and none is promised. Over six image sets with this
        model and equal parameters we measured a difference of +0.5 points for RandLoRA, with a 95 % interval from −0.8 to +1.8: no
        difference was shown. Its effective rank was about three times that of LoRA (68 against 21), and a step took longer. A single race
        on a few hundred images can end either way by chance, which is why every result here comes with its interval.
      </p>
      <p>
        Zero-shot accuracy is what CLIP-tiny knows without training. It only holds for words it has seen. On satellite tiles it is at
        chance.
      </p>

      <h3>In and out</h3>
      <p>
        Export writes any lane as a PEFT adapter, a merged model or ONNX, with a model card. An adapter from PEFT or from here, dropped on
        the page, becomes a lane. A Hub model's weights are downloaded only when you press Download, and stay in this browser.
      </p>

      <h3>Where it runs</h3>
      <p>
        Everything happens in this tab, on hand-written WebGPU kernels. Images are never uploaded. Share copies a link with the settings,
        not with images.
      </p>
    </div>
  );
}
