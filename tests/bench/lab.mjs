/**
 * Runs the lab's page in a real browser and saves its JSON:
 *   node tests/bench/lab.mjs [DIST] [JSON] [ADDRESS]
 * DIST is a built app (`npm run build`), ADDRESS more of the lab's, such as "models=clip-b32&methods=lora,full&verify=0". CHROME and
 * CHROME_GPU_FLAGS lead to a browser on the real GPU, see tests/browser. It needs neither network nor the development tools.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { launch, open, serve } from "../browser/harness.mjs";

/** Opens `url` at the lab, presses Run, and gives what the page then offers: the JSON for download, as text, and its tables. */
export async function runLabPage(url, address, log = () => undefined) {
  const browser = await launch();
  try {
    const { page, problems } = await open(browser, `${url}#lab${address && `?${address}`}`);
    const button = (name) => page.getByRole("button", { name, exact: true });
    const alert = page.getByRole("alert").filter({ hasText: /Training needs WebGPU|The lab had to stop/ });
    await button("Run").or(alert).first().waitFor();
    if ((await alert.count()) === 0) await button("Run").click();
    let last = "";
    while (!(await button("Download JSON").isEnabled())) {
      if (await alert.count()) throw new Error(await alert.first().innerText());
      const text = await page.getByRole("status", { name: "Progress" }).innerText();
      if (text !== last) log(text);
      last = text;
      await page.waitForTimeout(250);
    }
    const [download] = await Promise.all([page.waitForEvent("download"), button("Download JSON").click()]);
    await page.getByText("As text", { exact: true }).click();
    for (const problem of problems) log(problem);
    return { json: readFileSync(await download.path(), "utf8"), text: await page.locator("pre").innerText() };
  } finally {
    await browser.close();
  }
}

if (import.meta.filename === process.argv[1]) {
  const [dist = "dist", file = "bench.json", address = ""] = process.argv.slice(2);
  const { url, close } = await serve(dist);
  try {
    const { json, text } = await runLabPage(url, address, console.error);
    writeFileSync(file, json);
    console.log(`${text}\n\n${file}`);
  } finally {
    close();
  }
}
