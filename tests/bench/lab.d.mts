/** Opens `url` at the lab, presses Run, and gives what the page then offers: the JSON for download, as text, and its tables. */
export function runLabPage(
  url: string,
  address: string,
  log?: (line: string) => void,
): Promise<{ readonly json: string; readonly text: string }>;
