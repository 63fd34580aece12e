/** Without WebGPU nothing can be trained: why, and what to do in the browser at hand. */
import { checkSupport, type Support } from "../../store/support.ts";
import { How } from "./how.tsx";

type Why = Extract<Support, { state: "missing" }>["why"];

interface Browser {
  readonly name: string;
  readonly steps: readonly string[];
}

const REASONS: Readonly<Record<Why, string>> = {
  insecure: "This page was opened over plain http. Browsers offer WebGPU only over https and on localhost.",
  "no-webgpu": "This browser does not offer WebGPU, the interface through which a page may compute on the graphics card.",
  "no-adapter": "This browser has WebGPU, but found no graphics adapter that it may use.",
};

const CHROMIUM_ADAPTER = [
  "Open chrome://gpu and look for the line WebGPU. It says why it is off.",
  "Switch on “Use graphics acceleration when available” in Settings, System, and restart the browser.",
  "Update the graphics driver. On Linux also open chrome://flags/#enable-unsafe-webgpu, choose Enabled, and restart.",
];

export function NoGpu({ why }: { readonly why: Why }) {
  const here = browserHere(navigator.userAgent, why);
  return (
    <main className="nogpu">
      <div role="alert" className="why">
        <h2>Training needs WebGPU</h2>
        <p>{REASONS[why]}</p>
        {why === "insecure" ? (
          <p>Open the same address with https in front.</p>
        ) : (
          <>
            <h3>In {here.name}</h3>
            <ol>
              {here.steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          </>
        )}
      </div>
      {why !== "insecure" && (
        <>
          <h3>Browsers that have it</h3>
          <table>
            <tbody>
              {SUPPORTED.map(([name, since]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{since}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      <div className="row">
        <button type="button" className="primary" onClick={() => void checkSupport()}>
          Check again
        </button>
        <How />
      </div>
      <p className="hint">Nothing was lost: your settings are in the address of this page and open in another browser.</p>
    </main>
  );
}

const SUPPORTED = [
  ["Chrome, Edge", "113 and later on Windows, macOS and ChromeOS; 121 on Android 12"],
  ["Safari", "26 and later, on macOS, iOS and iPadOS"],
  ["Firefox", "141 and later on Windows; 145 on Macs with Apple silicon"],
] as const;

function browserHere(agent: string, why: Why): Browser {
  const missing = why === "no-webgpu";
  if (/Firefox\//.test(agent)) {
    return {
      name: "Firefox",
      steps: missing
        ? [
            "Update to the newest Firefox.",
            "Where it is still off (Linux, Android), open about:config, set dom.webgpu.enabled to true, and restart. Firefox Nightly is further along.",
          ]
        : ["Open about:support and look under Graphics for WebGPU. Update the graphics driver and restart Firefox."],
    };
  }
  // Every Chromium also calls itself Safari, so Safari comes after it.
  if (/Edg\//.test(agent)) return { name: "Edge", steps: missing ? ["Update Edge to version 113 or later."] : CHROMIUM_ADAPTER };
  if (/Chrome\/|Chromium\//.test(agent)) {
    return {
      name: /Android/.test(agent) ? "Chrome on Android" : "Chrome",
      steps: missing
        ? [
            "Update Chrome to version 113 or later.",
            "On Linux open chrome://flags/#enable-unsafe-webgpu, choose Enabled, and restart. The same flag may help where a driver is on Chrome's block list.",
          ]
        : CHROMIUM_ADAPTER,
    };
  }
  if (/Safari\//.test(agent)) {
    return {
      name: "Safari",
      steps: [
        "Update to macOS, iOS or iPadOS 26, whose Safari has WebGPU switched on.",
        "On an older system switch on WebGPU under Feature Flags: on a Mac in Safari's Settings, on an iPhone in Settings, Apps, Safari, Advanced.",
      ],
    };
  }
  return { name: "this browser", steps: ["Open this page in one of the browsers below."] };
}
