/** Numbers for people: tabular, with units, never more digits than are known. */

const whole = new Intl.NumberFormat("en");

export function count(value: number): string {
  return whole.format(value);
}

/** "one image", "2 images". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}

export function short(value: number): string {
  if (value >= 999_500) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 9_999.5 ? `${Math.round(value / 1e3)} k` : count(Math.round(value));
}

export function bytes(value: number): string {
  const mebibytes = value / 2 ** 20;
  if (mebibytes < 0.1) return `${Math.ceil(value / 1024)} KiB`;
  if (mebibytes >= 1024) return `${(mebibytes / 1024).toFixed(2)} GiB`;
  return `${mebibytes < 10 ? mebibytes.toFixed(1) : Math.round(mebibytes)} MiB`;
}

export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  return `${Math.floor(total / 3600)} h ${Math.round((total % 3600) / 60)} min`;
}

export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s`;
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

/** Three significant digits, no needless zeros: 0.003, 1e-5, 2.31. */
export function plain(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4) return value.toExponential().replace(/e-(\d+)/, "e-$1");
  return size >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** How many decimals the multiples of a round step need: 1 for 0.5, 2 for 0.25. */
export function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 8; decimals++) {
    const shifted = step * 10 ** decimals;
    if (Math.abs(shifted - Math.round(shifted)) < 1e-6 * shifted) return decimals;
  }
  return 8;
}

/** A loss, always with the same number of digits so that it does not jump about. */
export function loss(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : Number.isFinite(value) ? value.toFixed(3) : "not a number";
}
