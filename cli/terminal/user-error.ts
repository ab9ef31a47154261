/** Trouble that the person at the keyboard can put right: printed as its message alone, which says how. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
