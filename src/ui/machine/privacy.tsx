/** That nothing leaves this machine: why one can rely on it, what the browser allows, and what was asked for so far. */
import { useOutside } from "../../store/outside.ts";
import { hostsOf } from "../../store/policy.ts";
import { plural } from "../numbers.ts";
import { Facts } from "../parts/facts.tsx";

const counted = (requests: ReadonlyMap<string, number>): string =>
  [...requests].map(([host, count]) => `${host}: ${plural(count, "request")}`).join(", ") || "none";

export default function Privacy() {
  const { policy, made, refused } = useOutside();
  return (
    <>
      <p>
        Images, models, settings and results stay in this browser. There is no server behind this page, no account, and nobody counts
        visits.
      </p>
      {policy === null ? (
        <p className="warning">This is a development server: the page is served without its policy.</p>
      ) : (
        <p>
          You need not believe that: the page carries a content security policy, by which your browser refuses every request to another
          address, whatever the page's code, or a library in it, may try. The one exception is the Hugging Face Hub, which is asked when you
          look a model up there, and never before.
        </p>
      )}
      <Facts
        rows={[
          ["May be asked", policy === null ? "anything" : ["the server this page came from", ...hostsOf(policy)].join(", ")],
          ["Asked outside so far", counted(made)],
          ["Refused so far", counted(refused)],
        ]}
      />
      {policy !== null && (
        <details>
          <summary>The policy, as your browser has it</summary>
          <pre className="policy">{policy.replaceAll("; ", ";\n")}</pre>
        </details>
      )}
      <p className="hint">To see for yourself, open the browser's developer tools (F12), Network, and train.</p>
    </>
  );
}
