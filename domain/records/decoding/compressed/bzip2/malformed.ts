/** Thrown if a stream is damaged. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}
