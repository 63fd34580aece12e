/** What an export gave: the file, what is in it, and for ONNX how near its answers are. */
import { type Exported, saveAgain } from "../../store/exporting.ts";
import type { OnnxCheck } from "../../train/protocol.ts";
import { bytes, milliseconds, plural } from "../numbers.ts";
import { Facts } from "../parts/facts.tsx";
import { Notice } from "../parts/notice.tsx";

export function Result({ done }: { readonly done: Exported }) {
  const { name, zip, files, check } = done;
  return (
    <Notice kind="info">
      <p>
        <b>{name}</b>, {bytes(zip.size)}, is among your downloads.{" "}
        <button type="button" className="link" onClick={() => saveAgain(done)}>
          Download it again
        </button>
      </p>
      <Facts rows={files.map((file) => [file.name, bytes(file.bytes)])} />
      {check && ("failed" in check ? <p className="warning">{check.failed}</p> : <Check check={check} />)}
    </Notice>
  );
}

/** Two programs add up in different orders, so that the last digits differ; more would be an error of one of them. */
const EQUAL = 1e-3;

function Check({ check: { images, difference, onnxMs, ownMs, provider } }: { readonly check: OnnxCheck }) {
  const agrees = difference < EQUAL;
  return (
    <>
      <p>
        <b>
          {agrees
            ? "onnxruntime gives the same answers."
            : "onnxruntime gives other answers: please report this, and use the merged model."}
        </b>
      </p>
      <Facts
        rows={[
          ["Largest difference of a logit", difference.toExponential(1)],
          ["Compared on", plural(images, "image")],
          [`onnxruntime-web, ${provider}`, `${milliseconds(onnxMs)} per image`],
          ["Here", `${milliseconds(ownMs)} per image`],
        ]}
      />
    </>
  );
}
