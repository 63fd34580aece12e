/** One image by itself, and what every lane makes of it now. */
import { canAnswer, closeImage, usePredictions } from "../../store/predictions.ts";
import { useRace } from "../../store/race.ts";
import { Thumbs } from "../images/thumbs.tsx";
import type { Look } from "../look.ts";
import { Modal } from "../parts/modal.tsx";
import { Odds } from "../result/odds.tsx";

export function Opened({ looks }: { readonly looks: readonly Look[] }) {
  const opened = usePredictions((state) => state.opened);
  const phase = useRace((race) => race.phase);
  const classes = useRace((race) => race.dataset?.classes) ?? [];
  return (
    <Modal title={opened?.name ?? ""} open={opened !== null} onOpenChange={(open) => !open && closeImage()}>
      {opened && (
        <div className="opened">
          <Thumbs images={[opened.pixels]} size={opened.size} label={opened.name} />
          <div>
            <p>
              is <b dir="auto">{opened.truth}</b>
            </p>
            {opened.answer ? (
              <>
                <p className="hint">Answers after step {opened.answer.step}</p>
                <Odds prediction={opened.answer.prediction} looks={looks} classes={classes} truth={opened.truth} />
              </>
            ) : (
              <p role="status">{canAnswer(phase) ? "Asking every lane …" : "The run is gone: train again to ask."}</p>
            )}
          </div>
        </div>
      )}
    </Modal>
  );
}
