/** Thrown if a queue refuses a message for good. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
}
