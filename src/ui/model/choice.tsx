/** Which model is trained: the one that comes with the page, one of the Hub, or one from a folder. */
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { takeModel } from "../../store/dropped.ts";
import { factsOf, findModel, useModels } from "../../store/models.ts";
import { BUNDLED, isFolder, isHub, shortModel } from "../../store/names.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";
import { ModelCard } from "./card.tsx";

/** Small enough to train in a tab, and of every kind that can be. */
const SUGGESTIONS = [
  "WinKawaks/vit-tiny-patch16-224",
  "facebook/deit-tiny-patch16-224",
  "facebook/dinov2-small",
  "openai/clip-vit-base-patch32",
  "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
];

export default function Choice({ begin, onDone }: { readonly begin: string; readonly onDone: () => void }) {
  const { known, faults, looking } = useModels();
  /** What is shown below: a model's name, or what was typed and not found. */
  const [shown, setShown] = useState(begin);
  const facts = known.get(shown);
  const fault = faults.get(shown);
  const answer = useRef<HTMLDivElement>(null);
  // On a small screen it would come in below what one sees.
  useEffect(() => {
    if (shown !== begin && (facts || fault)) answer.current?.scrollIntoView({ block: "nearest" });
  }, [begin, shown, facts, fault]);
  const show = async (model: string) => {
    setShown(model);
    await factsOf(model).catch(() => undefined);
  };
  return (
    <>
      <div className="row">
        {Object.entries(BUNDLED).map(([model, title]) => (
          <button
            key={model}
            type="button"
            aria-pressed={shown === model}
            className={`toggle ${shown === model ? "on" : ""}`}
            onClick={() => void show(model)}
          >
            {title} <span className="hint">comes with the page</span>
          </button>
        ))}
        <Choose folder onChoose={(files) => void takeModel(files).then((model) => setShown(model ?? ""))}>
          <Icon name="folder" /> Folder
        </Choose>
        <span className="hint">with config.json beside model.safetensors; or drop it anywhere on the page</span>
      </div>
      <HubField begin={isHub(begin) ? begin : ""} onFound={setShown} />
      {looking.size > 0 && <p role="status">Looking up {[...looking].map(shortModel).join(", ")} …</p>}
      {shown === "" && (
        <Notice kind="error">
          <p>This folder holds no model: it needs config.json and model.safetensors, as Hugging Face has them.</p>
        </Notice>
      )}
      <div ref={answer}>
        {fault && (
          <Notice kind="error">
            <FaultText title={isFolder(shown) ? "The folder cannot be used" : "The model cannot be used"} fault={fault} />
          </Notice>
        )}
        {facts && <ModelCard key={facts.model} facts={facts} onDone={onDone} />}
      </div>
    </>
  );
}

function HubField({ begin, onFound }: { readonly begin: string; readonly onFound: (model: string) => void }) {
  const id = useId();
  const [text, setText] = useState(begin.replace(/@.*$/, ""));
  const looking = useModels((models) => models.looking.size > 0);
  const find = async (typed: string) => {
    setText(typed);
    const facts = await findModel(typed);
    onFound(facts?.model ?? typed);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void find(text);
  };
  return (
    <form className="hub" onSubmit={submit}>
      <label htmlFor={id}>From the Hugging Face Hub: an id or an address</label>
      <div className="row">
        <input
          id={id}
          spellCheck={false}
          autoComplete="off"
          placeholder="owner/name"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" disabled={looking || text.trim() === ""}>
          Look up
        </button>
      </div>
      <ul className="chips" aria-label="Suggestions">
        {SUGGESTIONS.map((suggestion) => (
          <li key={suggestion}>
            <button type="button" className="chip small" disabled={looking} onClick={() => void find(suggestion)}>
              {suggestion}
            </button>
          </li>
        ))}
      </ul>
      <p className="hint">Looking up asks huggingface.co for the small files. The weights are downloaded only when you press Download.</p>
    </form>
  );
}
