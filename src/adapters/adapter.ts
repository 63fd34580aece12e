/** The contract of a method: how a site's ΔW is made from few trainable numbers. */

/** One setting of a method: the panel, the URL and validation follow from it. */
export interface Field {
  readonly label: string;
  /** One line: what it does and a sensible range. */
  readonly help: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}
export type Fields = Readonly<Record<string, Field>>;

/** The sizes of one frozen linear layer; enough to count parameters. */
export interface SiteShape {
  readonly in: number;
  readonly out: number;
}
