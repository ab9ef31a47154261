/**
 * One record of CSV (RFC 4180), with its line end. A text that a spreadsheet would run as a formula gets an
 * apostrophe in front (OWASP, "CSV Injection").
 *
 * @param isNumber whether a field is a number as text, which has no exact `number`
 */
export function csvLine(
  fields: readonly (string | number)[],
  isNumber: (index: number) => boolean = () => false,
): string {
  return `${fields.map((value, i) => (isNumber(i) ? value : field(value))).join(',')}\r\n`;
}

function field(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const inert = /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
