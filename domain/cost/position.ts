import { costOf, type Price } from './prices.ts';

/** A line of a bill. */
export interface Position {
  readonly service: string;
  readonly item: string;
  readonly quantity: number;
  /** What the price is of; `undefined` if the price is not known. */
  readonly per: string | undefined;
  readonly usd: number | undefined;
  /**
   * `configured`: the stack's configuration says so. `measured`: CloudWatch counted it. `estimated`: it
   * follows from counts by what a message or a record takes. `limit`: the most that use can add.
   */
  readonly basis: 'configured' | 'measured' | 'estimated' | 'limit';
}

/** Makes positions with the same basis. */
export const positions =
  (basis: Position['basis']) =>
  (service: string, item: string, quantity: number, price: Price | undefined): Position => ({
    service,
    item,
    quantity,
    per: price?.per,
    usd: price && costOf(quantity, price),
    basis,
  });

/** The sum of the positions whose price is known. */
export const totalOf = (all: readonly Position[]): number => all.reduce((sum, { usd = 0 }) => sum + usd, 0);
