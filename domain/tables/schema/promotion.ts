import type { Type } from './types.ts';

const decimal = /^decimal\((\d+), ?(\d+)\)$/;

/** Whether a column can get another type without a change of its files ("Schema Evolution", version 2). */
export function promotable(from: string, to: string): boolean {
  if ((from === 'int' && to === 'long') || (from === 'float' && to === 'double')) return true;
  const [narrow, wide] = [decimal.exec(from), decimal.exec(to)];
  return narrow !== null && wide !== null && narrow[2] === wide[2] && Number(narrow[1]) <= Number(wide[1]);
}

/** How many digits a decimal has, and how many of them after the point; `undefined` of any other type. */
export function decimalDigits(
  type: string,
): { readonly precision: number; readonly scale: number } | undefined {
  const [, precision, scale] = decimal.exec(type) ?? [];
  return scale === undefined ? undefined : { precision: Number(precision), scale: Number(scale) };
}

/** A type in a message. */
export function typeText(type: Type): string {
  return typeof type === 'string' ? type : type.type;
}
